from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from learners import small
from mindspore import Tensor

from ddag.machine.errors import InputError
from ddag.settings.choices import OptimizerKind
from ddag.training import checkpoint, optim
from ddag.training.checkpoint import DamagedError
from ddag.training.description import Description
from ddag.training.learner import Learner
from ddag.training.progress import Progress

DESCRIBED = Description({"tag": "ü"}, identities=5, epoch=3, step=7, progress={"position": 2})


def build(seed: int = 0, *, part: int = 2) -> Learner:
    return small("ddag", f"model.part={part}", seed=seed)[1]


def optimizer_of(learner: Learner):
    rates = [0.1, 0.1]
    return optim.build(
        learner, OptimizerKind.adam, rates=rates, backbone_scale=0.1, weight_decay=0.0
    )


def test_weights_and_description_come_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "best.ckpt"
    ours, other = build(seed=0), build(seed=1)
    checkpoint.save(path, ours, DESCRIBED)
    stored = checkpoint.read(path)
    assert stored.described == DESCRIBED
    assert not stored.optimizer
    checkpoint.load_weights(other, stored, path)
    for one, same in zip(ours.get_parameters(), other.get_parameters()):
        np.testing.assert_array_equal(one.asnumpy(), same.asnumpy())


def test_the_optimiser_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    learner = build()
    optimizer = optimizer_of(learner)
    optimizer(tuple(Tensor(np.ones(each.shape, np.float32)) for each in optimizer.parameters))
    checkpoint.save(path, learner, DESCRIBED, optimizer=optimizer)
    again = build(seed=1)
    fresh = optimizer_of(again)
    stored = checkpoint.read(path)
    checkpoint.load_weights(again, stored, path)
    checkpoint.load_optimizer(again, fresh, stored, path)
    assert int(fresh.global_step.asnumpy()[0]) == 1
    for one, same in zip(optimizer.moment1, fresh.moment1):
        assert one.asnumpy().any()
        np.testing.assert_array_equal(one.asnumpy(), same.asnumpy())


def test_resuming_from_a_checkpoint_without_optimiser_is_refused(tmp_path: Path) -> None:
    learner = build()
    checkpoint.save(tmp_path / "best.ckpt", learner, DESCRIBED)
    stored = checkpoint.read(tmp_path / "best.ckpt")
    with pytest.raises(InputError, match="holds no optimiser"):
        checkpoint.load_optimizer(learner, optimizer_of(learner), stored, tmp_path / "best.ckpt")


def test_another_shape_is_refused_by_name_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    checkpoint.save(path, build(part=2), DESCRIBED)
    learner = build(seed=1, part=4)
    before = [each.asnumpy().copy() for each in learner.get_parameters()]
    with pytest.raises(InputError, match=r"part\.gate is \(2,\) in the file and \(4,\)"):
        checkpoint.load_weights(learner, checkpoint.read(path), path)
    for one, same in zip(before, learner.get_parameters()):
        np.testing.assert_array_equal(one, same.asnumpy())


@pytest.mark.parametrize("content", [b"", b"no checkpoint", bytes(1000)])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "best.ckpt"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match="not a checkpoint of this framework"):
        checkpoint.read(path)


def test_another_programs_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    ms.save_checkpoint([{"name": "w", "data": Tensor([1.0])}], str(path))
    with pytest.raises(InputError, match="not a checkpoint of this framework"):
        checkpoint.read(path)


def forge(path: Path, said: str) -> Path:
    """A checkpoint of a single weight that says something of itself, its fingerprint right."""
    values = {"w": Tensor(np.zeros((2, 3), np.float32)),
              checkpoint.META: Tensor(np.frombuffer(said.encode(), np.uint8))}  # fmt: skip
    held = ((name, values[name].asnumpy()) for name in sorted(values))
    values[checkpoint.FINGERPRINT] = Tensor(checkpoint._fingerprint(held))
    checkpoint.write(path, values)
    return path


HONEST = {
    "settings": {"dataset": {"name": "regdb"}, "data": {}, "model": {}}, "identities": 5,
    "epoch": 3, "step": 7, "images": "abc", "source": "", "threads": 2,
    "processor": "Z80",
    "progress": {
        "terms": ["loss", "loss_id"], "epoch": 3, "step": 7, "position": 1, "losses": [[2, 1.5]],
        "carried": 0.5, "best_score": 0.25, "best_epoch": 2,
        "untrained": {"feat": {"rank1": 0.5}},
    },
}  # fmt: skip
WRONG = ["NaN", "-1", "1e400", "9" * 4000, '"many"', "true", "null", "[]", "{}", "[[[[1]]]]",
         "[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000]  # fmt: skip
# Of these, what some of the values may be.
FITTING = {
    "settings": ["{}"], "dataset": ["{}"], "data": ["{}"], "model": ["{}"], "progress": ["{}"],
    "images": ['"many"'], "source": ['"many"'], "processor": ['"many"'],
    "terms": ["[]"], "losses": ["[]"],
    "carried": ["-1", "null"], "best_score": ["-1", "null"], "best_epoch": ["null"],
    "untrained": ["{}", "null"],
}  # fmt: skip


def spoilt() -> Iterator[str]:
    """The honest description, each of its values in turn something else."""
    for within in (None, "progress", "settings"):
        for name in HONEST[within] if within else HONEST:
            copy = json.loads(json.dumps(HONEST))
            (copy[within] if within else copy)[name] = "HERE"
            for value in WRONG:
                if value not in FITTING.get(name, []):
                    yield json.dumps(copy).replace('"HERE"', value)


def test_an_honest_description_is_taken(tmp_path: Path) -> None:
    path = forge(tmp_path / "best.ckpt", json.dumps(HONEST))
    assert checkpoint.read(path).described.progress["untrained"] == {"feat": {"rank1": 0.5}}


def test_a_value_of_another_kind_is_refused_with_the_files_name(tmp_path: Path) -> None:
    for said in spoilt():
        path = forge(tmp_path / "best.ckpt", said)
        with pytest.raises(InputError, match=r"best\.ckpt: ") as caught:
            checkpoint.read(path)
        assert not isinstance(caught.value, DamagedError)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "said",
    [
        "null", "3", "[]", "{}", "{", "\0" * 99, json.dumps(HONEST)[:-9],
        json.dumps({**HONEST, "identities": 10**8}),
        json.dumps({**HONEST, "settings": {"tag": "${oc.env:HOME}"}}),
        json.dumps({**HONEST, "settings": {"a": [0] * 20_000}}),
        json.dumps({**HONEST, "settings": {"a": 10**30}}),
        json.dumps({**HONEST, "step": 8}),
        json.dumps({**HONEST, "progress": {"untrained": {"[/x]": {"rank1": 1}}}}),
        json.dumps({**HONEST, "progress": {"untrained": {"feat": {"rank2": 1}}}}),
        json.dumps({**HONEST, "progress": {"losses": [[1, 2], [1]]}}),
        json.dumps({**HONEST, "progress": {"losses": [["a"]]}}),
        json.dumps({**HONEST, "progress": {"terms": ["loss", "loss"]}}),
        json.dumps(HONEST).replace('"epoch"', '"epoch": 3, "epoch"', 1),
        *(json.dumps({key: value for key, value in HONEST.items() if key != name})
          for name in ("settings", "identities", "epoch", "step")),
    ],
)  # fmt: skip
def test_a_description_that_no_run_writes_is_refused_with_the_files_name(
    tmp_path: Path, said: str
) -> None:
    path = forge(tmp_path / "best.ckpt", said)
    with pytest.raises(InputError, match=r"best\.ckpt: ") as caught:
        checkpoint.read(path)
    assert not isinstance(caught.value, DamagedError)


@pytest.mark.parametrize(
    ("name", "value"),
    [("terms", ["loss"]), ("losses", [[1.0]]), ("position", 0), ("best_epoch", 4),
     ("best_epoch", None), ("best_score", None)],
)  # fmt: skip
def test_progress_that_does_not_belong_together_is_an_error(name: str, value: object) -> None:
    terms = HONEST["progress"]["terms"]
    assert Progress.from_plain(HONEST["progress"], terms).position == 1
    with pytest.raises(ValueError, match=r"epoch|step|list"):
        Progress.from_plain({**HONEST["progress"], name: value}, terms)


def test_a_weight_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    learner = build()
    checkpoint.save(path, learner, DESCRIBED)
    stored = checkpoint.read(path)
    stored.weights["part.gate"] = stored.weights["part.gate"].astype(ms.float64)
    with pytest.raises(InputError, match=r"part\.gate is Float64 in the file"):
        checkpoint.load_weights(learner, stored, path)


def test_a_checkpoint_has_the_mode_of_other_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        checkpoint.save(tmp_path / "best.ckpt", build(), DESCRIBED)
    finally:
        os.umask(before)
    assert (tmp_path / "best.ckpt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), MemoryError(), KeyboardInterrupt()]
)
def test_what_keeps_a_file_from_being_read_is_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    checkpoint.save(tmp_path / "best.ckpt", build(), DESCRIBED)

    def refuse(_: Path) -> bytes:
        raise error

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises((InputError, type(error))) as caught:
        checkpoint.read(tmp_path / "best.ckpt")
    assert not isinstance(caught.value, DamagedError)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        checkpoint.read(tmp_path / "best.ckpt")


def test_a_failed_write_leaves_the_earlier_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, build(), DESCRIBED)
    before = path.read_bytes()

    def half_write(_: object, name: str) -> None:
        Path(name).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(ms, "save_checkpoint", half_write)
    with pytest.raises(InputError, match="No space left"):
        checkpoint.save(path, build(), DESCRIBED)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_what_versions_before_said_of_themselves_is_read() -> None:
    settings = {"model": {"part": 3}, "loss": {"kind": "id", "triplet": "hard", "margin": 0.3}}
    progress = {"epoch": 1, "step": 6, "position": 1, "losses": [[1.0, 2.0, 3.0, 4.0, 5.0]],
                "without_graph": 0.5, "best_score": None, "best_epoch": None,
                "untrained": None}  # fmt: skip
    stored = {"settings": settings, "identities": 4, "pictures": "abc", **progress}
    found = Description.from_plain(stored)
    assert (found.images, found.epoch, found.step) == ("abc", 1, 6)
    assert found.settings["model"]["name"] == "ddag"
    assert found.settings["loss"] == {"identity": True, "triplet": None, "margin": 0.3,
                                      "smoothing": 0.0}  # fmt: skip
    resumed = Progress.from_plain(found.progress, ("loss", "loss_id", "loss_graph"))
    assert resumed.carried == 0.5
    assert resumed.losses == ((1.0, 2.0, 5.0),)


@pytest.mark.parametrize(
    "stored",
    [{}, {"settings": {}}, {"settings": 3, "identities": 1, "epoch": 1, "step": 1},
     {"settings": {}, "identities": "many", "epoch": 1, "step": 1},
     {"settings": {}, "identities": 1, "epoch": None, "step": 1}],
)  # fmt: skip
def test_a_description_of_something_else_is_an_error(stored: dict) -> None:
    with pytest.raises((KeyError, TypeError)):
        Description.from_plain(stored)
