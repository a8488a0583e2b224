from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from learners import small
from mindspore import Tensor

from ddag.machine.errors import InputError
from ddag.settings.choices import OptimizerKind
from ddag.training import checkpoint, optim
from ddag.training.checkpoint import Description
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
    with pytest.raises(InputError, match="not a checkpoint of this framework"):
        checkpoint.read(path)


def test_another_programs_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    ms.save_checkpoint([{"name": "w", "data": Tensor([1.0])}], str(path))
    with pytest.raises(InputError, match="not a checkpoint of this framework"):
        checkpoint.read(path)


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
    assert found.settings["loss"] == {"identity": True, "triplet": None, "margin": 0.3}
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
