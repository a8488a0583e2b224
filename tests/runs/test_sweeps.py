"""Sweeps as a user types them; the jobs fail early or are finished already, so none trains."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from finished import finished
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf
from typed import REPOSITORY, type_in

from ddag.machine.errors import InputError
from ddag.machine.files import claimed
from ddag.runs import sweeps
from ddag.runs.resuming import expand
from ddag.runs.sweeps import Sweep, attempt
from ddag.settings.endings import one_line

# Images of 96 rows have 6 in the last map: refused before MindSpore is even imported.
TOO_MANY = "model.part=98,99"


def finish(job: Path, rank1: float) -> None:
    """Write what a job leaves that went through."""
    (job / "error.txt").unlink(missing_ok=True)
    finished(rank1, protocol={"dataset": "synthetic", "trial": 1}).write(job)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a sweep whose two jobs failed, and what it said of them."""
    folder = tmp_path_factory.mktemp("failed")
    done = type_in(folder, "-m", TOO_MANY, "train.epochs=3", code=1)
    (sweep,) = folder.glob("multirun_sweeps/toy/*")
    return sweep, done.stderr


def jobs(sweep: Path) -> list[Path]:
    return sorted(path for path in sweep.iterdir() if path.is_dir())


def test_a_failing_job_is_kept_with_its_error_and_the_others_go_on(
    failed: tuple[Path, str],
) -> None:
    sweep, said = failed
    assert [job.name for job in jobs(sweep)] == ["0_model.part=98", "1_model.part=99"]
    for number, job in zip((98, 99), jobs(sweep)):
        reason = f"model.part={number}: images 96 high have 6 rows in the last map"
        assert (job / "error.txt").read_text().startswith(reason)
    lines = said.strip().splitlines()
    assert len(lines) == 2
    assert "1_model.part=99: model.part=99: images 96 high" in lines[1]


def test_a_sweep_leaves_its_report_beside_the_jobs(failed: tuple[Path, str]) -> None:
    sweep, _ = failed
    files = {path.name for path in sweep.iterdir() if path.is_file()}
    report = {"leaderboard.md", "leaderboard.csv", "leaderboard.tex", "report.html"}
    assert files == {*report, "multirun.yaml"}
    assert "images 96 high have 6 rows" in (sweep / "report.html").read_text()


def test_jobs_of_one_sweep_share_a_folder_whatever_tags_they_choose(tmp_path: Path) -> None:
    words = ["experiment=regdb_v2i,regdb_i2v", "model.part=98"]
    done = type_in(tmp_path, "-m", *words, code=1)
    (sweep,) = tmp_path.glob("multirun_sweeps/*/*")
    assert [job.name for job in jobs(sweep)] == ["0_experiment=regdb_v2i", "1_experiment=regdb_i2v"]
    assert done.stderr.count("\n") == 2


def test_a_job_that_breaks_keeps_its_traceback(tmp_path: Path) -> None:
    def job() -> float:
        raise RuntimeError("no room\nfor more")

    assert attempt(job, tmp_path, resuming=False) is None
    text = (tmp_path / "error.txt").read_text()
    assert text.splitlines()[0] == "RuntimeError: no room"
    assert "Traceback" in text


def test_a_job_that_goes_through_forgets_its_failure(tmp_path: Path) -> None:
    (tmp_path / "error.txt").write_text("no room\n")
    assert attempt(lambda: 0.5, tmp_path, resuming=True) == 0.5
    assert not (tmp_path / "error.txt").exists()


def test_a_finished_job_is_skipped_only_when_a_sweep_goes_on(tmp_path: Path) -> None:
    finish(tmp_path, 0.25)
    assert attempt(lambda: 0.5, tmp_path, resuming=True) == 0.25
    assert attempt(lambda: 0.5, tmp_path, resuming=False) == 0.5


def test_a_sweep_goes_on_with_the_jobs_that_have_no_result(tmp_path: Path) -> None:
    type_in(tmp_path, "-m", TOO_MANY, "train.epochs=3", code=1)
    (sweep,) = tmp_path.glob("multirun_sweeps/toy/*")
    first, second = jobs(sweep)
    finish(first, 0.25)
    listed = type_in(tmp_path, f"sweep.resume={sweep}", "sweep.list=true").stdout
    assert listed.splitlines()[1:] == [f"{first}  finished", str(second)]
    done = type_in(tmp_path, f"sweep.resume={sweep}", code=1)
    assert len(done.stderr.strip().splitlines()) == 1
    assert jobs(sweep) == [first, second]
    logs = [(job / "run.log").read_text().count("failed: ") for job in (first, second)]
    assert logs == [1, 2]
    assert OmegaConf.load(second / ".hydra" / "config.yaml").train.epochs == 3
    finish(second, 0.5)
    type_in(tmp_path, f"sweep.resume={sweep}")
    assert "| 99 | feat | 1 | **50.00** |" in (sweep / "leaderboard.md").read_text()


def test_a_finished_job_keeps_no_error_and_is_not_run_again(tmp_path: Path) -> None:
    finish(tmp_path, 0.25)
    (tmp_path / "error.txt").write_text("another process is at work there\n")
    assert attempt(lambda: 0.5, tmp_path, resuming=True) == 0.25
    assert not (tmp_path / "error.txt").exists()


def test_a_job_whose_result_cannot_be_read_is_run_anew(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("[" * 10_000)
    assert attempt(lambda: 0.5, tmp_path, resuming=True) == 0.5


def test_the_error_of_a_job_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def job() -> float:
        raise InputError("a.png\udcff: cannot be read")

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", no_room)
        with pytest.raises(InputError, match="No space"):
            attempt(job, tmp_path, resuming=False)
    assert not list(tmp_path.iterdir())
    attempt(job, tmp_path, resuming=False)
    assert (tmp_path / "error.txt").read_text().endswith(": cannot be read\n")


def test_a_sweep_at_work_is_not_resumed_a_second_time(failed: tuple[Path, str]) -> None:
    sweep, _ = failed
    with claimed(sweep):
        done = type_in(sweep.parent, f"sweep.resume={sweep}", code=2)
    (line,) = done.stderr.strip().splitlines()
    assert f"{sweep}: another process is at work there" in line
    assert "at work" not in (jobs(sweep)[0] / "error.txt").read_text()


@pytest.mark.parametrize(
    ("error", "code"), [(InputError("report.html: no room"), 2), (RuntimeError("a bug"), 1)]
)
def test_a_report_that_cannot_be_written_decides_how_a_sweep_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sweeps, "_report", broken)
    (tmp_path / "0_seed=0").mkdir()
    (tmp_path / "0_seed=0" / "error.txt").write_text("broken\nmore")
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
    with pytest.raises(SystemExit) as ended:
        Sweep().on_multirun_end(config=config)
    assert ended.value.code == code
    assert "0_seed=0: broken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tag=../../x"], "tag='../../x'"),
        (["-m", "seed=0,1", "tag=../../x"], "tag='../../x'"),
        (["-m", "tag='../../x',a"], "tag='../../x'"),
        ([f"tag={'x' * 300}"], "200 bytes at most"),
        (["hydra.run.dir=/proc/x"], "hydra.run.dir=/proc/x: cannot be written to"),
        (["-m", "seed=0,1", "hydra.sweep.dir=/dev/null"], "hydra.sweep.dir=/dev/null: cannot be"),
        (["sweep.resume="], "sweep.resume=: no multirun.yaml"),
        (["+sweep.resume=nowhere"], "+sweep.resume=nowhere: no multirun.yaml"),
        (["sweep={resume:nowhere}"], "sweep.resume=nowhere: type it as"),
        (["-m", "sweep={resume:nowhere}", "seed=0,1"], "sweep.resume=nowhere: type it as"),
        (["-m", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"], "n_jobs=0: use"),
        (["sweep=tune", "hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs=0: use 1 or more"),
        (["-m", "seed=range(0,1000000000000)"], "a range of 10000 values at most"),
        (["-m", "seed=range(0,200)", "model.part=range(0,100)"], "a sweep of 20000 jobs"),
    ],
)
def test_what_cannot_begin_is_refused_in_one_line_before_a_folder_is_made(
    tmp_path: Path, words: list[str], said: str
) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (line,) = type_in(folder, *words, code=2).stderr.strip().splitlines()
    assert said in line
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b"]


def test_a_list_of_jobs_leaves_nothing_behind(tmp_path: Path) -> None:
    words = ["sweep=branches", "seed=5,6", "model=iwpa,cgsa", "sweep.list=true"]
    lines = type_in(tmp_path, *words).stdout.splitlines()
    assert lines[0] == "4 jobs"
    assert lines[1].startswith("multirun_sweeps/branches/")
    assert lines[1].endswith("/0_model=iwpa,seed=5")
    assert lines[4].endswith("/3_model=cgsa,seed=6")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(file.stem for file in REPOSITORY.glob("conf/sweep/*.yaml")))
def test_a_sweep_as_a_file_names_its_outputs_and_settings_that_exist(name: str) -> None:
    sweep = OmegaConf.load(REPOSITORY / "conf" / "sweep" / f"{name}.yaml")
    assert sweep.tag == name
    assert sweep.hydra.mode == "MULTIRUN"
    groups = {path.name for path in (REPOSITORY / "conf").iterdir()} | {"seed", "loss"}
    assert {str(key).partition(".")[0] for key in sweep.hydra.sweeper.params} <= groups | {
        "augmentation"
    }


def test_jobs_of_one_process_cannot_differ_in_their_device(tmp_path: Path) -> None:
    done = type_in(tmp_path, "-m", "device=cpu,gpu", code=2)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: device=cpu device=gpu: one process has one device")
    assert not list(tmp_path.iterdir())


def test_a_sweep_that_goes_on_takes_no_other_settings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out seed=1"):
        expand([f"sweep.resume={tmp_path}", "seed=1"])
    with pytest.raises(InputError, match="name the folder of a sweep"):
        expand([f"sweep.resume={tmp_path}"])
    assert expand(["-m", "seed=1"]) == ["-m", "seed=1"]


@pytest.mark.parametrize(
    ("hydra", "task"),
    [
        (["hydra.callbacks.x={_target_:os.system}"], []),
        (["hydra.searchpath=[file:///elsewhere]"], []),
        (["hydra.launcher._target_=os.system"], []),
        (["hydra/job_logging=theirs"], []),
        ([], ["+x={_target_:os.system}"]),
    ],
)
def test_someone_elses_sweep_cannot_name_code_to_run(
    tmp_path: Path, hydra: list[str], task: list[str]
) -> None:
    overrides = {"hydra": ["hydra.mode=MULTIRUN", *hydra], "task": ["sweep=seeds", *task]}
    saved = OmegaConf.create({"hydra": {"overrides": overrides}})
    OmegaConf.save(saved, tmp_path / "multirun.yaml")
    with pytest.raises(InputError, match="could run code"):
        expand([f"sweep.resume={tmp_path}"])


def test_a_study_that_goes_on_takes_the_trials_it_still_lacks(tmp_path: Path) -> None:
    overrides = {"hydra": ["hydra.mode=MULTIRUN"], "task": ["sweep=tune"]}
    saved = {"hydra": {"overrides": overrides, "sweeper": {"n_trials": 20}}}
    OmegaConf.save(OmegaConf.create(saved), tmp_path / "multirun.yaml")
    for number in range(3):
        (tmp_path / str(number)).mkdir()
    finish(tmp_path / "1", 0.25)
    words = expand([f"sweep.resume={tmp_path}"])
    assert words == [
        "hydra.mode=MULTIRUN",
        "sweep=tune",
        "train.resume=auto",
        f"hydra.sweep.dir={tmp_path}",
        "hydra.sweeper.n_trials=19",
        f"sweep.resume={tmp_path}",
    ]


@pytest.mark.slow
def test_a_study_keeps_its_trials_when_it_goes_on(tmp_path: Path, tiny_regdb: Path) -> None:
    words = ["job=check", "dataset=regdb", f"dataset.root={tiny_regdb}"]  # the quickest job
    type_in(tmp_path, "sweep=tune", "hydra.sweeper.n_trials=2", *words)
    (sweep,) = tmp_path.glob("multirun_sweeps/tune/*")
    type_in(tmp_path, f"sweep.resume={sweep}")
    with closing(sqlite3.connect(sweep / "study.db")) as study:
        rows = study.execute("select state from trials").fetchall()
    assert rows == [("COMPLETE",)] * 4  # a check leaves no result, so both were still lacking


def test_a_list_needs_a_sweep_whose_jobs_are_known(tmp_path: Path) -> None:
    alone = type_in(tmp_path, "sweep.list=true", code=2)
    assert "sweep.list=true: no sweep is given" in alone.stderr
    listed = type_in(tmp_path, "sweep=tune", "sweep.list=true", code=2)
    assert "chooses each job by those before it" in listed.stderr


@pytest.mark.slow
def test_a_study_in_which_every_trial_fails_ends_in_one_line(tmp_path: Path) -> None:
    words = ["sweep=tune", "hydra.sweeper.n_trials=1", "model.part=98"]
    said = type_in(tmp_path, *words, code=2).stderr.strip().splitlines()
    assert said[-1] == "error: sweep=tune: no trial went through; error.txt of each says why"
    (job,) = tmp_path.glob("multirun_sweeps/tune/*/0_*")
    assert (job / "error.txt").read_text().startswith("model.part=98: images 96 high")


def test_tuning_without_optuna_says_what_to_install() -> None:
    error = ConfigCompositionException("Could not find 'hydra/sweeper/optuna'\n\nAvailable: basic")
    assert one_line(error) == 'sweep=tune: Optuna is not installed; run pip install -e ".[tune]"'


def test_a_report_can_be_asked_for_at_any_time(failed: tuple[Path, str], tmp_path: Path) -> None:
    sweep, _ = failed
    (sweep / "report.html").unlink()
    done = type_in(tmp_path, "job=report", f"job.folder={sweep}")
    assert "2 runs: 0 finished, 2 failed, 0 unfinished" in done.stdout
    assert (sweep / "report.html").is_file()
    empty = type_in(tmp_path, "job=report", f"job.folder={tmp_path}", code=2)
    assert "no run below it" in empty.stderr
