"""The pages that lie in the repository's root, taken into the site by MkDocs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}


def on_files(files: Any, config: Any) -> Any:
    """Add each root page under its name in the site."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=linked(text)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to a root page lead to its page of the site."""
    return linked(markdown)


def linked(text: str) -> str:
    """Links as they are between pages of one folder."""
    for source, page in PAGES.items():
        text = text.replace(f"](../{source}", f"]({page}").replace(f"]({source}", f"]({page}")
    return text.replace("](docs/", "](")
