"""What processes tell each other, here of one process, or of several played one after another."""

from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from ddag.machine import device
from ddag.machine.sharing import Share
from ddag.model.exchange import Exchange, Gather
from ddag.model.shared_norm import share_norms, statistics_apart


class Norms(nn.Cell):
    """A batch norm of each kind, one of them in a container."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.SequentialCell([nn.BatchNorm2d(3, eps=1e-5, momentum=0.9)])
        self.vectors = nn.BatchNorm1d(3, eps=1e-5, momentum=0.9)

    def construct(self, x: Tensor) -> Tensor:
        return self.vectors(self.maps(x).mean((2, 3)))


class Loss(nn.Cell):
    """A number by which the gradient of every output differs."""

    def __init__(self, cell: nn.Cell) -> None:
        super().__init__()
        self.cell = cell
        weight = np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32)
        self.weight = Tensor(weight)

    def construct(self, x: Tensor) -> Tensor:
        return (self.cell(x) * self.weight).sum()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process group in a test: what is summed over one process stays as it is."""
    monkeypatch.setattr(ops, "AllReduce", nn.Identity)


def test_alone_what_is_told_comes_back_as_it_is() -> None:
    exchange, rows = Exchange(Share()), np.arange(6, dtype=np.float32).reshape(3, 2)
    assert exchange.any([True, False]) == [True, False]
    assert exchange.of_first(0.1) == 0.1
    assert exchange.own(3).tolist() == [0, 1, 2]
    assert exchange.join(rows, 3) is rows
    assert exchange.first_ahead(lambda: 5) == 5


def test_every_row_is_some_processes_own_and_each_has_as_many() -> None:
    own = [Exchange(Share(index, 4)).own(10).tolist() for index in range(4)]
    assert own == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 9, 9]]


def test_rows_are_joined_in_the_order_of_the_batch_view_by_view() -> None:
    # Four samples in three views; a row says its view and its sample.
    whole = np.array([[view, sample] for view in range(3) for sample in range(4)], np.float32)
    sent = []
    for index in range(2):
        gather = Gather(Share(index, 2), views=3)
        own = whole.reshape(3, 4, 2)[:, Share(index, 2).rows(4)].reshape(-1, 2)
        sent.append((gather, own))
    placed = [gather(Tensor(own)).asnumpy() for gather, own in sent]
    np.testing.assert_array_equal(placed[0] + placed[1], whole)
    assert gather(Tensor(own[:, :1].reshape(-1, 1, 1))).shape == (12, 1, 1)


def norms() -> Norms:
    cell = Norms()
    generator = np.random.default_rng(0)
    for each in cell.get_parameters():
        each.set_data(Tensor(generator.uniform(0.5, 2, each.shape).astype(np.float32)))
    return cell


@pytest.mark.smoke
def test_a_shared_norm_of_one_process_is_the_norm(mode: str) -> None:
    if device.VERSION.startswith("1.") and mode != "graph":
        pytest.skip("there processes exchange in graph mode only")
    images = np.random.default_rng(1).normal(5, 2, (6, 3, 4, 2)).astype(np.float32)
    found = []
    for shared in (False, True):
        cell = norms()
        if shared:
            share_norms(cell, Share())
        names = [each.name for each in cell.get_parameters()]
        cell.set_train(True)
        differentiate = ops.value_and_grad(Loss(cell), 0, cell.trainable_params())
        value, gradients = differentiate(Tensor(images))
        cell.set_train(False)
        state = [each.asnumpy() for each in cell.get_parameters()]
        numbers = [value, gradients[0], *gradients[1], cell(Tensor(images))]
        found.append((names, [*(each.asnumpy() for each in numbers), *state]))
    assert found[0][0] == found[1][0]
    for one, other in zip(found[0][1], found[1][1]):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_norms_that_are_not_shared_are_known() -> None:
    cell = Norms()
    assert len(statistics_apart(cell)) == 4
    share_norms(cell.maps, Share())
    apart = [each.name for each in statistics_apart(cell)]
    assert apart == ["vectors.moving_mean", "vectors.moving_variance"]
    share_norms(cell, Share())
    assert statistics_apart(cell) == []
