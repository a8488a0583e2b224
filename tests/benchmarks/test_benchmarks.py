"""Each benchmark at its smallest size: that it runs and says what it measured, not how fast."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, nn, ops

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

from benchmarks import (  # noqa: E402
    accumulating,
    avx512,
    convolutions,
    features,
    graph,
    growth,
    index,
    loop,
    methods,
    metrics,
    pipeline,
    processes,
    report,
    step,
    training_set,
    turns,
)
from benchmarks.graph import Square  # noqa: E402
from benchmarks.report import Row  # noqa: E402
from ddag.jobs.methods import Measured, read_measured  # noqa: E402

pytestmark = pytest.mark.slow

TINY = step.Size(backbone="resnet18", height=32, width=16, identities=2, images=2, part=1)
TINY_METHOD = step.Size(backbone="resnet18", height=96, width=16, identities=2, images=2)


@pytest.fixture(autouse=True)
def _processes_find_the_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


def rows_of(rows: list[Row], count: int) -> dict[str, Row]:
    assert len(rows) == count
    return {row.what: row for row in rows}


class Plain(nn.Cell):
    """A primitive as a cell."""

    def __init__(self, primitive: ops.Primitive) -> None:
        super().__init__()
        self.primitive = primitive

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        return self.primitive(x, weight)


def idle() -> turns.Turn:
    return lambda: None


def test_contestants_take_turns_in_processes_of_their_own() -> None:
    times = turns.take_turns({"one": idle, "other": idle}, rounds=2, lives=2)
    assert [len(each.seconds) for each in times.values()] == [4, 4]
    assert times["one"].memory > 0


def told() -> turns.Turn:
    """Ready only where nobody has told this process how many threads to compute on."""
    assert "OMP_NUM_THREADS" not in os.environ
    return lambda: None


def test_a_contestant_computes_on_as_many_threads_as_if_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    # As MindSpore's library does when it is loaded: Python's own copy does not know of it.
    os.putenv("OMP_NUM_THREADS", "1")
    assert turns.take_turns({"one": told}, rounds=1)["one"].seconds


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    one = turns.Times(seconds=[1.0, 30.0, 3.0])
    other = turns.Times(seconds=[2.0, 20.0, 3.0])
    assert turns.ratio(one, other) == 1.0


def test_the_step_is_measured_against_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step.importlib.util, "find_spec", lambda name: None)  # without PyTorch
    rows = rows_of(step.measure(TINY, rounds=1, lives=1), 4)
    assert rows["framework / bare MindSpore"].target == "at most 1.06"


def test_a_step_in_two_processes_is_measured_beside_one() -> None:
    if processes.os.cpu_count() == 1:
        pytest.skip("needs two processors")
    rows = processes.measure({"tiny": TINY}, rounds=1)
    assert (
        "gradients" in rows_of(rows, 3)["tiny: MB that a process puts into a step's sums"].measured
    )


def test_a_step_in_parts_is_measured_beside_the_whole() -> None:
    rows = rows_of(accumulating.measure(TINY, rounds=1, parts=(2,)), 4)
    assert rows["peak memory, 2 parts / whole"].target == "at most 1"


def test_graph_attention_is_the_pairs() -> None:
    rows = graph.measure(nodes=8, large=8, rounds=1)
    assert rows[0].met


@pytest.mark.parametrize("way", sorted(convolutions.WAYS))
def test_a_convolution_laid_out_otherwise_is_the_convolution(way: str) -> None:
    _, kernel, _, kind = convolutions.WAYS[way]
    generator = np.random.default_rng(0)
    x, weight = (
        Tensor(generator.standard_normal(shape, np.float32))
        for shape in ((3, 4, 6, 3), (5, 4, kernel, kernel))
    )
    plain = ops.Conv2D(5, kernel, pad_mode="pad", pad=kernel // 2)
    for function in (lambda of: of(x, weight), lambda of: ops.grad(Square(of), (0, 1))(x, weight)):
        found, wanted = function(kind()), function(Plain(plain))
        for one, other in zip(tuple(found), tuple(wanted)):
            assert np.allclose(one.asnumpy(), other.asnumpy(), atol=1e-5)


def test_the_metrics_are_the_loops() -> None:
    size = {"queries": 20, "gallery": 30, "galleries": 2, "people": 6}
    for counts in ("images", "identities"):
        assert metrics.compare("tiny", size, counts, rounds=1)[-1].met
    rows_of(metrics.memory(200, queries=20, channels=8), 2)


def test_the_pipeline_and_a_mapped_set_give_their_batches() -> None:
    rows = pipeline.measure(images=100, epochs=1)
    assert [row.target for row in rows[::2]] == [
        "at least 2,500 a second", "at least 1,500 a second",
    ]  # fmt: skip
    rows_of(training_set.measure(visible=100, infrared=100), 3)


def test_a_whole_loop_takes_turns_with_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop.rich, "reconfigure", lambda **_: None)
    words = ["data.height=32", "data.width=16", "model.graph=false", "model.part=0",
             "sampler.identities=4", "augmentation.crop=2"]  # fmt: skip
    rows_of(loop.measure(8, 2, 3, *words), 2)


def test_features_are_extracted_once() -> None:
    rows = features.measure("resnet18", 48, 24, batch=8, images=8, rounds=1)
    assert rows[-1].met


def test_a_convolution_is_timed_with_both_instruction_sets() -> None:
    rows_of(avx512.measure(images=1, channels=8, rounds=1), 1)


def test_a_methods_step_is_a_share_of_the_baselines() -> None:
    assert list(methods.steps(["ddag"], TINY_METHOD, rounds=1, lives=1)) == ["ddag"]


def test_methods_are_scored_by_each_run_of_their_sweep(tmp_path: Path) -> None:
    words = ["seed=0,1", "dataset.generate.identities=8", "dataset.generate.images=2",
             "data.height=32", "data.width=16", "augmentation.crop=2", "train.epochs=1",
             "train.steps=1", "sampler.identities=2", "sampler.images=2"]  # fmt: skip
    methods.sweep(["baseline"], tmp_path, *words)
    found = methods.scores(["baseline"], tmp_path / "multirun_sweeps")
    assert [len(each) for each in found["baseline"]] == [2, 2]
    measured = {"baseline": Measured(*found["baseline"], step=1.0)}
    methods.write(measured, tmp_path / "measured.json")
    assert read_measured(tmp_path / "measured.json") == measured


def test_ways_to_search_a_gallery_are_measured_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row for row in index.measure(300, [8]) if "exact" in row.what]
    assert [row.what for row in rows] == [
        "300 features of 8: exact, float32", "300 features of 8: exact, float16",
    ]  # fmt: skip
    assert "100.0% of the first 10 found" in rows[0].measured
    assert list(tmp_path.iterdir()) == []


def test_growth_draws_a_figure_for_each_cost(tmp_path: Path) -> None:
    sizes = {"parts": {"1": TINY}}
    growth.measure(sizes, galleries=[20, 40], rounds=1, folder=tmp_path)
    names = {file.name for file in tmp_path.glob("*.png")}
    assert names == {"benchmarks_growth_parts.png", "benchmarks_growth_gallery.png"}


def test_many_clients_search_without_an_error() -> None:
    pytest.importorskip("fastapi", reason="needs the extra serve")
    from benchmarks import serve

    rows = rows_of(serve.measure(clients=8, rounds=2, images=100, channels=8), 6)
    assert rows["errors of 16 searches"].met


def test_a_run_keeps_the_others_results(tmp_path: Path) -> None:
    def measure() -> list[Row]:
        """Something"""
        return [Row.at_most("a thing", 2, 1, "s"), Row("another", "5")]

    for name in ("first", "second"):
        report.run(name, measure, folder=tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "python -m benchmarks.first" in page
    assert "| a thing | 2 s | at most 1 s | **not met** |" in page
    assert set(report.load(tmp_path)) == {"first", "second"}
