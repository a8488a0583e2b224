from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from typed import parse

from ddag.machine import device
from ddag.training import compiled


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path | None]]:
    """Where each training looks for graphs; None where it compiles anew."""
    used: list[Path | None] = []
    claims: list[FileLock] = []
    monkeypatch.setattr(compiled, "_claims", claims)
    monkeypatch.setattr("sys.argv", [__file__])  # a worker of pytest-xdist has no file
    monkeypatch.setattr(device, "compile_anew", lambda: used.append(None))
    monkeypatch.setattr(device, "reuse_compiled", lambda folder: used.__setitem__(-1, folder))
    yield used
    for claim in claims:
        claim.release()


def reuse(*overrides: str, identities: int = 4, in_a_new_process: bool = True) -> None:
    if in_a_new_process:
        for claim in compiled._claims:
            claim.release()
        compiled._claims.clear()
    compiled.reuse(parse(*overrides), identities=identities, steps=2)


def test_trainings_share_graphs_where_only_seed_and_tag_differ(
    folders: list[Path | None], tmp_path: Path
) -> None:
    cache = f"device.cache={tmp_path}"
    reuse(cache)
    reuse(cache, "seed=1", "tag=other")
    for other in ("model.part=2", "loss.margin=0.2", "optimizer.lr=0.1", "data.height=100"):
        reuse(cache, other)
    reuse(cache, identities=5)
    assert folders[0] is not None
    assert folders[0] == folders[1]
    assert len(set(folders[1:])) == 6


def test_graphs_are_compiled_anew_where_their_order_is_not_sure(
    folders: list[Path | None], tmp_path: Path
) -> None:
    cache = f"device.cache={tmp_path}"
    reuse(cache)
    reuse(cache, in_a_new_process=False)
    reuse(cache, "train.resume=somewhere")
    reuse("device.cache=null")
    assert folders[1:] == [None, None, None]


def test_a_program_without_a_file_compiles_anew(
    folders: list[Path | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["-c"])
    reuse(f"device.cache={tmp_path}")
    assert folders == [None]


def test_a_folder_in_use_is_left_to_its_user(folders: list[Path | None], tmp_path: Path) -> None:
    cache = f"device.cache={tmp_path}"
    reuse(cache)
    held = list(compiled._claims)
    compiled._claims.clear()  # as in another process
    reuse(cache)
    assert folders[1] is None
    for lock in held:
        lock.release()
