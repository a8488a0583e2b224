from __future__ import annotations

import contextlib
from collections.abc import Iterator

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn

from ddag.training.average import Average, averages


class Weights(nn.Cell):
    """Two parameters, one of which does not train."""

    def __init__(self) -> None:
        super().__init__()
        self.moving = Parameter(Tensor(np.array([1.0, 2.0], np.float32)), name="moving")
        self.still = Parameter(
            Tensor(np.array([0.1], np.float32)), name="still", requires_grad=False
        )


@pytest.fixture(params=[ms.GRAPH_MODE, ms.PYNATIVE_MODE])
def _mode(request: pytest.FixtureRequest) -> Iterator[None]:
    ms.set_context(mode=request.param)
    yield
    ms.set_context(mode=ms.PYNATIVE_MODE)


def move(weights: Weights, *values: float) -> None:
    weights.moving.set_data(Tensor(np.array(values, np.float32)))


@pytest.mark.smoke
@pytest.mark.usefixtures("_mode")
def test_the_average_by_hand() -> None:
    weights = Weights()
    average = Average(weights, decay=0.75)
    move(weights, 5, 2)
    average()
    move(weights, 1, -2)
    average()
    # 1, then 0.75 * 1 + 0.25 * 5 = 2, then 0.75 * 2 + 0.25 * 1 = 1.75; and 2, 2, 1.
    np.testing.assert_array_equal(average.means[0].asnumpy(), [1.75, 1])
    np.testing.assert_array_equal(average.means[1].asnumpy(), weights.still.asnumpy())


def test_the_average_stands_in_for_the_weights_for_a_while() -> None:
    weights = Weights()
    average = Average(weights, decay=0.5)
    move(weights, 3, 4)
    average()
    with contextlib.suppress(KeyboardInterrupt), average.applied():
        np.testing.assert_array_equal(weights.moving.asnumpy(), [2, 3])
        raise KeyboardInterrupt
    np.testing.assert_array_equal(weights.moving.asnumpy(), [3, 4])
    np.testing.assert_array_equal(average.means[0].asnumpy(), [2, 3])


def test_the_average_begins_anew_with_other_first_weights() -> None:
    weights = Weights()
    average = Average(weights, decay=0.5)
    move(weights, 3, 4)
    average.restart()
    np.testing.assert_array_equal(average.means[0].asnumpy(), [3, 4])


def test_averages_are_found_by_the_names_of_the_weights() -> None:
    one, other = Tensor([1.0]), Tensor([2.0])
    assert averages({"moments.a": one, "ema.a": other}) == {"a": other}
    assert averages({"moments.a": one}) == {}
