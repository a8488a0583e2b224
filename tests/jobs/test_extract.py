"""Features out, as a user types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typed import type_in


@pytest.mark.slow
def test_extracted_features_are_unit_rows_in_the_protocols_order(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    output = tmp_path / "features.npz"
    type_in(tmp_path, "job=extract", f"checkpoint={trained}", f"job.output={output}")
    with np.load(output, allow_pickle=False) as arrays:
        listed = (tiny_regdb / "idx" / "test_visible_2.txt").read_text().splitlines()
        assert len(arrays["query_paths"]) == len(listed)
        for path, identity, line in zip(arrays["query_paths"], arrays["query_identities"], listed):
            assert path == str(tiny_regdb / line.split()[0])
            assert identity == int(line.split()[1])
        for name in ("query_feat", "query_feat_att", "gallery_feat", "gallery_feat_att"):
            assert arrays[name].dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(arrays[name], axis=1), 1, rtol=1e-5)
        assert set(arrays["gallery_cameras"]) == {2}
        np.testing.assert_array_equal(arrays["trial_0"], np.arange(len(arrays["gallery_paths"])))
