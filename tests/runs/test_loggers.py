"""Loggers: each keeps the numbers of a run, read back by what it writes for."""

from __future__ import annotations

import csv
import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typed import parse

from ddag.machine.errors import InputError
from ddag.runs.loggers import logger as interface
from ddag.runs.loggers.logger import Forgiving, Logger, refuse_missing
from ddag.runs.tracking import Tracker
from ddag.settings.loggers import LoggerConfig, MlflowConfig, WandbConfig, WandbMode

# Of protobuf's, to the code that it generated itself for MLflow and wandb.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated label:DeprecationWarning")
TOLD = {"model": {"part": 3}, "optimizer": {"kind": "adam"}}
with_mlflow = pytest.mark.skipif(not importlib.util.find_spec("mlflow"), reason="no mlflow")
with_wandb = pytest.mark.skipif(not importlib.util.find_spec("wandb"), reason="no wandb")


def track(folder: Path, loggers: LoggerConfig, *, first: int = 1, steps: int = 2) -> None:
    """An epoch of so many steps, the first or a later one."""
    before = (first - 1) * steps
    with Tracker(folder, TOLD, first=first, step=before + 1, loggers=loggers, tag="toy") as tracker:
        for step in range(before + 1, before + steps + 1):
            tracker.log_step(step, float(step))
        tracker.log(first, {"train/loss": float(first), "eval/feat/rank1": 0.25})


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("logger=tensorboard", {"tensorboard"}),
        ("logger=csv", {"csv"}),
        ("logger=[csv,mlflow]", {"csv", "mlflow"}),
        ("logger=[wandb,tensorboard]", {"wandb", "tensorboard"}),
        ("logger=[]", set()),
        ("seed=0", {"tensorboard"}),
    ],
)
def test_a_run_has_one_logger_or_several(word: str, names: set[str]) -> None:
    chosen = parse(word).logger
    assert {name for name in vars(chosen) if getattr(chosen, name)} == names


def test_only_what_is_chosen_is_written(tmp_path: Path) -> None:
    track(tmp_path / "none", LoggerConfig())
    assert [file.name for file in (tmp_path / "none").iterdir()] == ["metrics.jsonl"]
    track(tmp_path / "table", LoggerConfig(csv=True))
    names = sorted(file.name for file in (tmp_path / "table").iterdir())
    assert names == ["metrics.csv", "metrics.jsonl"]


def test_the_table_has_a_row_an_epoch_also_after_a_resumption(tmp_path: Path) -> None:
    with Tracker(tmp_path, {}, loggers=LoggerConfig(csv=True)) as tracker:
        tracker.log(0, {"eval/feat/rank1": 0.1})
        tracker.log(1, {"train/loss": 3.0})
        tracker.log(2, {"train/loss": 9.0})
    with Tracker(tmp_path, {}, first=2, loggers=LoggerConfig(csv=True)) as tracker:
        tracker.log(2, {"train/loss": 2.0, "eval/feat/rank1": 0.2})
    rows = list(csv.reader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert rows == [
        ["epoch", "eval/feat/rank1", "train/loss"],
        ["0", "0.1", ""], ["1", "", "3.0"], ["2", "0.2", "2.0"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_logger_that_is_not_installed_is_refused_with_its_remedy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=rf'logger={name}: not installed; run pip.*\[{name}\]"'):
        refuse_missing(parse(f"logger={name}").logger)
    refuse_missing(parse("logger=[tensorboard,csv]").logger)


class Failing(Logger):
    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        raise ConnectionError("the server is gone")

    def close(self, *, finished: bool) -> None:
        raise AssertionError("not asked again")


def test_a_run_goes_on_without_a_logger_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    outside = Forgiving("far", Failing())
    outside.log(1, {})
    outside.log(2, {})
    outside.close(finished=True)
    assert caplog.messages == ["logger=far: the server is gone; the run goes on without it"]


def in_mlflow(uri: str, name: str) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    steps = client.get_metric_history(run.info.run_id, "train/loss_by_step")
    return run, [(each.step, each.value) for each in steps]


@with_mlflow
def test_mlflow_keeps_a_run_in_a_folder_and_goes_on_with_it(tmp_path: Path) -> None:
    uri = (tmp_path / "mlruns").as_uri()
    chosen = LoggerConfig(mlflow=MlflowConfig(uri=uri))
    track(tmp_path / "run", chosen)
    track(tmp_path / "run", chosen, first=2)
    run, steps = in_mlflow(uri, "toy")
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run")
    assert run.data.params == {"model.part": "3", "optimizer.kind": "adam"}
    assert (run.data.metrics["train/loss"], run.data.metrics["eval/feat/rank1"]) == (2, 0.25)
    assert {"command", "python", "commit"} <= run.data.tags.keys()
    assert steps == [(1, 1), (2, 2), (3, 3), (4, 4)]


@with_mlflow
def test_mlflow_knows_of_a_run_that_broke_off(tmp_path: Path) -> None:
    uri = (tmp_path / "mlruns").as_uri()
    chosen = LoggerConfig(mlflow=MlflowConfig(uri=uri, experiment="of its own"))
    tracker = Tracker(tmp_path, TOLD, loggers=chosen)
    tracker.log_step(1, 7.0)
    tracker.__exit__(KeyError, None, None)
    run, steps = in_mlflow(uri, "of its own")
    assert run.info.status == "KILLED"
    assert steps == [(1, 7)]


@with_mlflow
def test_jobs_side_by_side_may_make_an_experiment_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    chosen = LoggerConfig(mlflow=MlflowConfig(uri=(tmp_path / "mlruns").as_uri()))
    look, looks = MlflowClient.get_experiment_by_name, iter([None])

    def too_early(client: Any, name: str) -> Any:
        return next(looks, look(client, name))

    track(tmp_path / "first", chosen)
    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", too_early)
    track(tmp_path / "second", chosen)
    assert (tmp_path / "second" / "mlflow_run.txt").is_file()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of MLflow's own server, which keeps runs in a database."""
    port = free_port()
    words = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"]  # fmt: skip
    with (tmp_path / "server.log").open("w") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *words],
            cwd=tmp_path, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        try:
            await_server(running, f"{address}/health")
            yield address
        finally:
            running.terminate()
            running.wait(30)


def await_server(running: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and running.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("MLflow's server did not come up")


@with_mlflow
@pytest.mark.slow
def test_mlflow_keeps_a_run_on_a_server(server: str, tmp_path: Path) -> None:
    track(tmp_path / "run", LoggerConfig(mlflow=MlflowConfig(uri=server)), steps=1200)
    run, steps = in_mlflow(server, "toy")
    assert run.info.status == "FINISHED"
    assert run.data.params["model.part"] == "3"
    assert run.data.metrics["train/loss"] == 1
    assert steps == [(step, step) for step in range(1, 1201)]


@with_mlflow
def test_a_server_out_of_reach_is_named(tmp_path: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(InputError, match=f"logger.mlflow.uri={uri}: MLflow has no run there"):
        track(tmp_path, LoggerConfig(mlflow=MlflowConfig(uri=uri)))


def in_wandb(folder: Path) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Configuration and history in the file that ``wandb sync`` would send."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    await_end(file)
    store = DataStore()
    store.open_for_scan(str(file))
    config, history = {}, []
    while (data := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        for each in record.run.config.update:
            config[each.key] = json.loads(each.value_json)
        items = record.history.item
        if items:
            named = {
                (each.key or each.nested_key[0]): json.loads(each.value_json) for each in items
            }
            history.append({key: value for key, value in named.items() if key[0] != "_"})
    store.close()
    return config, history


def await_end(file: Path) -> None:
    """Wait until wandb's own process has written the file, which a run does not wait for."""
    before, end = -1, time.monotonic() + 60
    while (size := file.stat().st_size) != before or not size:
        assert time.monotonic() < end
        before = size
        time.sleep(0.3)


@with_wandb
def test_wandb_keeps_a_run_offline_in_its_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    track(tmp_path, LoggerConfig(wandb=WandbConfig(mode=WandbMode.offline)))
    assert not caplog.records
    config, history = in_wandb(tmp_path)
    assert config["model.part"] == 3
    assert config["environment"]["command"]
    assert history == [
        {"step": 1, "train/loss_by_step": 1},
        {"step": 2, "train/loss_by_step": 2},
        {"epoch": 1, "train/loss": 1, "eval/feat/rank1": 0.25},
    ]
    assert capfd.readouterr() == ("", "")  # the screen is the run's
    # A sweep is resumed only where nothing leads out of its folder.
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
