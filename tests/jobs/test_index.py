"""The job index, and what is searched by it, on networks that nobody trained."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from typed import parse

from ddag.data.image_folder import list_images
from ddag.export import onnx_file
from ddag.export.label import labels
from ddag.gallery import clustering, lists
from ddag.jobs import extract, index, search, serve
from ddag.machine import packages
from ddag.machine.errors import InputError
from ddag.training import checkpoint
from ddag.training.restore import restore

AS_IT_IS = ["device.mode=pynative"]  # compiling takes longer than a few images do
with_onnx = pytest.mark.skipif(
    not (importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime")),
    reason="no onnx",
)


@pytest.fixture
def kept(regdb_checkpoint: Path, tmp_path: Path) -> Path:
    """The checkpoint in a folder of its own, without an index."""
    path = tmp_path / "checkpoints" / "best.ckpt"
    path.parent.mkdir()
    path.hardlink_to(regdb_checkpoint)
    return path


def build(path: Path, gallery: Path, folder: Path, *words: str) -> None:
    given = ["job.gallery_modality=visible", *words]
    settings = parse("job=index", f"checkpoint={path}", f"job.gallery={gallery}", *given, *AS_IT_IS)
    folder.mkdir(exist_ok=True)
    index.run(settings, folder, [])


def searched(
    path: Path, gallery: Path, query: Path, folder: Path, *given: str
) -> list[dict[str, str]]:
    words = [f"job.query={query}", "job.modality=infrared", f"job.gallery={gallery}", *given]
    search.run(parse("job=search", f"checkpoint={path}", *words, *AS_IT_IS), folder, [])
    with (folder / "ranking.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_search_extracts_nothing_of_a_gallery_that_has_an_index(
    kept: Path, tiny_regdb: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gallery, query = tiny_regdb / "Visible" / "1", next((tiny_regdb / "Thermal" / "1").iterdir())
    build(kept, gallery, tmp_path / "run", "job.dtype=float16")
    caplog.set_level("INFO")
    table = searched(kept, gallery, query, tmp_path / "run")
    assert "0 of the 4 images" in caplog.text
    (features,) = kept.parent.glob("galleries/*/index_*/features.npy")
    assert np.load(features).dtype == np.float16
    assert {row["path"] for row in table} == set(map(str, gallery.iterdir()))


def test_an_index_that_cannot_be_kept_is_an_error(
    kept: Path, tiny_regdb: Path, tmp_path: Path
) -> None:
    (kept.parent / "galleries").write_text("a file")
    with pytest.raises(InputError, match=r"^[^\n]*galleries/best_[^\n]*cannot be written[^\n]*$"):
        build(kept, tiny_regdb / "Visible" / "1", tmp_path / "run")


def test_lists_without_faiss_are_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "is_installed", lambda package: False)
    with pytest.raises(InputError, match=r"^job\.lists=true: faiss is not installed; run pip"):
        build(tmp_path / "a.ckpt", tmp_path / "nowhere", tmp_path / "run", "job.lists=true")


def test_lists_that_do_not_pay_are_refused(
    kept: Path, tiny_regdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "is_installed", lambda package: True)
    with pytest.raises(InputError, match=r"^job\.lists=true: [^\n]* lists pay from [\d,]+ on"):
        build(kept, tiny_regdb / "Visible" / "1", tmp_path / "run", "job.lists=true")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few images are many, and each search reads one list, around images here and there."""

    def train(features: np.ndarray, count: int) -> np.ndarray:
        return np.array(features[:: -(-len(features) // count)])

    monkeypatch.setattr(packages, "is_installed", lambda package: True)
    monkeypatch.setattr(clustering, "train", train)
    monkeypatch.setattr(clustering, "LEAST", 1)
    monkeypatch.setattr(lists, "PROBES", 1)


def test_an_approximate_search_ranks_what_stands_in_the_lists_that_it_reads(
    few: None, kept: Path, tiny_regdb: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gallery, query = tiny_regdb / "Visible", next((tiny_regdb / "Thermal" / "1").iterdir())
    given = (kept, gallery, query, tmp_path / "run")
    with pytest.raises(InputError, match=r"^job\.approximate=true: [^\n]* has no lists; [^\n]*$"):
        searched(*given, "job.approximate=true")
    caplog.set_level("INFO")
    build(kept, gallery, tmp_path / "run", "job.lists=true")
    found, whole = searched(*given, "job.approximate=true"), searched(*given)
    assert 0 < len(found) < len(whole)
    assert f"{len(found)} of the {len(whole)} images ranked" in caplog.text
    distance = {row["path"]: float(row["distance"]) for row in whole}
    for row in found:
        assert float(row["distance"]) == pytest.approx(distance[row["path"]], abs=1e-5)
    assert [row["rank"] for row in found] == [str(rank) for rank in range(1, len(found) + 1)]


def test_a_page_searches_approximately_where_that_is_asked_for(
    few: None, kept: Path, tiny_regdb: Path, tmp_path: Path
) -> None:
    gallery = tiny_regdb / "Visible" / "1"
    words = [f"checkpoint={kept}", f"job.gallery={gallery}", "job.gallery_modality=visible"]
    build(kept, gallery, tmp_path / "run", "job.lists=true")
    for approximate in (True, False):
        settings = parse("job=serve", *words, f"job.approximate={approximate}", *AS_IT_IS)
        searcher = serve._open(settings, tmp_path / "run", [], gallery, list_images(gallery))
        assert searcher.gallery.exact is not approximate
        searcher.close()


@pytest.mark.slow
@with_onnx
def test_exported_files_give_the_features_of_the_index_and_of_extract(
    kept: Path, tiny_regdb: Path, tmp_path: Path
) -> None:
    stored = restore(parse("job=evaluate", f"checkpoint={kept}", *AS_IT_IS), [])
    for modality, label in labels(stored.method, checkpoint.sha256(kept)).items():
        onnx_file.write(tmp_path / f"{modality}.onnx", stored.learner.network, label)
    found = []
    for words in ([], [f"job.exported={tmp_path}"]):
        build(kept, tiny_regdb / "Visible" / "1", tmp_path / "run", *words)
        (features,) = kept.parent.glob("galleries/*/index_*/features.npy")
        found.append([np.load(features)])
        features.unlink()
        output = tmp_path / "features.npz"
        given = ["job=extract", f"checkpoint={kept}", f"job.output={output}", *words]
        extract.run(parse(*given, *AS_IT_IS), tmp_path / "run", [])
        with np.load(output) as arrays:
            found[-1] += [arrays["query_feat_att"], arrays["gallery_feat"]]
    for one, other in zip(*found):
        assert (one != other).any()  # it is another that computes
        np.testing.assert_allclose(one, other, atol=1e-5)
