from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from ddag.machine.errors import InputError
from ddag.model.initial import initialise
from ddag.model.network import DDAG
from ddag.training import checkpoint, optim


def build(seed: int = 0, *, part: int = 2) -> DDAG:
    network = DDAG(3, backbone="resnet18", part=part, graph=True, low_dim=4, heads=2, height=64)
    initialise(network, seed)
    return network


def optimizer_of(network: DDAG):
    return optim.build(network, kind="adam", rates=[0.1, 0.1], backbone_scale=0.1, weight_decay=0.0)


def test_weights_and_meta_come_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "best.ckpt"
    ours, other = build(seed=0), build(seed=1)
    checkpoint.save(path, ours, meta={"epoch": 3, "settings": {"tag": "ü"}})
    stored = checkpoint.read(path)
    assert stored.meta == {"epoch": 3, "settings": {"tag": "ü"}}
    assert not stored.optimizer
    checkpoint.load_weights(other, stored, path)
    for one, same in zip(ours.get_parameters(), other.get_parameters()):
        np.testing.assert_array_equal(one.asnumpy(), same.asnumpy())


def test_the_optimiser_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    network = build()
    optimizer = optimizer_of(network)
    optimizer(tuple(Tensor(np.ones(each.shape, np.float32)) for each in optimizer.parameters))
    checkpoint.save(path, network, meta={}, optimizer=optimizer)
    again = build(seed=1)
    fresh = optimizer_of(again)
    stored = checkpoint.read(path)
    checkpoint.load_weights(again, stored, path)
    checkpoint.load_optimizer(again, fresh, stored, path)
    assert int(fresh.global_step.asnumpy()[0]) == 1
    for one, same in zip(optimizer.moment1, fresh.moment1):
        assert one.asnumpy().any()
        np.testing.assert_array_equal(one.asnumpy(), same.asnumpy())


def test_going_on_from_a_checkpoint_without_optimiser_is_refused(tmp_path: Path) -> None:
    network = build()
    checkpoint.save(tmp_path / "best.ckpt", network, meta={})
    stored = checkpoint.read(tmp_path / "best.ckpt")
    with pytest.raises(InputError, match="holds no optimiser"):
        checkpoint.load_optimizer(network, optimizer_of(network), stored, tmp_path / "best.ckpt")


def test_another_shape_is_refused_by_name_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    checkpoint.save(path, build(part=2), meta={})
    network = build(seed=1, part=4)
    before = [each.asnumpy().copy() for each in network.get_parameters()]
    with pytest.raises(InputError, match=r"part\.gate is \(2,\) in the file and \(4,\)"):
        checkpoint.load_weights(network, checkpoint.read(path), path)
    for one, same in zip(before, network.get_parameters()):
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
    checkpoint.save(path, build(), meta={"epoch": 1})
    before = path.read_bytes()

    def half_write(_: object, name: str) -> None:
        Path(name).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(ms, "save_checkpoint", half_write)
    with pytest.raises(InputError, match="No space left"):
        checkpoint.save(path, build(), meta={"epoch": 2})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
