"""Data and results in a store that has a URL, such as S3: copied here, and mirrored there."""
