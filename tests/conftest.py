"""What tests share: MindSpore in a known state, tiny data sets on disk, a tiny experiment."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddag.datasets import synthetic, synthetic_csv, synthetic_llcm, synthetic_sysu
from ddag.machine import environment, interruption
from ddag.people.generate import generate

pytest.register_assert_rewrite("dataset_contract")  # what its asserts compared, in a failure
environment.prepare()  # before the first test module imports MindSpore
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # tests in the background hear it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="what takes longest, too")


@pytest.fixture
def long_form(request: pytest.FixtureRequest) -> None:
    """A test that asks for it runs with ``--long`` only."""
    if not request.config.getoption("--long"):
        pytest.skip("in the long form only: make faults")


@pytest.fixture(autouse=True, scope="session")
def _cpu() -> None:
    """Everything on the CPU, whatever the wheel's default: before a fixture's first kernel."""
    _configure()


@pytest.fixture(autouse=True)
def _pynative() -> None:
    """Every test in the same mode, whatever the one before it set."""
    _configure()


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Signals are handled as before the test: a training takes them over."""
    numbers = (*interruption.STOP, interruption.SAVE, interruption.REQUEUE)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(params=[pytest.param("graph", marks=pytest.mark.slow), "pynative"])
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    """A test that asks for it runs in both of MindSpore's modes; the compiler makes one slow."""
    _configure(request.param)
    yield request.param
    _configure()


def _configure(mode: str = "pynative") -> None:
    from ddag.machine import device

    device.configure("CPU", device_id=0, mode=mode, seed=0)


@pytest.fixture(scope="session")
def tiny_regdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve generated people in RegDB's layout, six to train with, six to test with."""
    root = tmp_path_factory.mktemp("data") / "regdb"
    generate(root, layout=synthetic.LAYOUT, identities=12, images=4, seed=0)
    return root


@pytest.fixture(scope="session")
def tiny_sysu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty generated people in SYSU-MM01's layout, four of them to test with."""
    root = tmp_path_factory.mktemp("data") / "sysu"
    generate(root, layout=synthetic_sysu.LAYOUT, identities=20, images=3, seed=0)
    return root


@pytest.fixture(scope="session")
def tiny_llcm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine generated people in LLCM's layout, three of them to test with."""
    root = tmp_path_factory.mktemp("data") / "llcm"
    generate(root, layout=synthetic_llcm.LAYOUT, identities=9, images=2, seed=0)
    return root


@pytest.fixture(scope="session")
def tiny_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight generated people listed in a table, four to train with, four to test with."""
    root = tmp_path_factory.mktemp("data") / "csv"
    generate(root, layout=synthetic_csv.LAYOUT, identities=8, images=2, seed=0)
    return root
