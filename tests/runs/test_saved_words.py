"""A sweep's words back from a folder that someone else may have made: none of these trains."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typed import paste, type_in

from ddag.machine.errors import InputError
from ddag.runs.resuming import expand, tagged
from ddag.settings.commands import override

STUDY = "hydra.sweeper.storage='sqlite:///${hydra.sweep.dir}/study.db'"


def save(folder: Path, hydra: Sequence[Any], task: Sequence[Any], **sweeper: Any) -> None:
    overrides = {"hydra": [*hydra], "task": [*task]}
    saved = {"hydra": {"overrides": overrides, "sweeper": sweeper}}
    (folder / "multirun.yaml").write_text(yaml.safe_dump(saved))


def resume(folder: Path) -> list[str]:
    return expand([f"sweep.resume={folder}"])


def test_what_a_sweep_is_typed_as_comes_back_as_it_was(tmp_path: Path) -> None:
    hydra = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra/sweeper=optuna",
             "hydra.sweeper.n_trials=3", "hydra.sweeper.direction=maximize",
             "hydra.sweeper.study_name=mine", "hydra.sweeper.max_failure_rate=0.5",
             "hydra.sweeper.sampler.seed=1", "hydra.sweeper.params={model.part:'0,3'}",
             "+hydra.sweeper.params.seed='range(0,3)'", STUDY]  # fmt: skip
    task = ["sweep=tune", "seed=0,1", "model=ddag,baseline", "dataset.root=/", "recipe=null",
            "dataset.generate.identities=40", "+train.monitor='feat/mAP'", "job=train",
            "checkpoint=outputs/a/checkpoints/best.ckpt", "optimizer.lr=interval(0.1,0.2)",
            "model=glob(*)", "loss={triplet:null,margin:0.2}",  "tag='ä'"]  # fmt: skip
    save(tmp_path, ["hydra.mode=MULTIRUN", *hydra], task)
    assert resume(tmp_path) == [
        "hydra.mode=MULTIRUN",
        *hydra,
        *task,
        "train.resume=auto",
        f"hydra.sweep.dir={tmp_path}",
        f"sweep.resume={tmp_path}",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["hydra/launcher=submitit_local", "hydra.launcher.n_jobs=2",
         "hydra.launcher.timeout_min=9"],
        ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu-large",
         "hydra.launcher.account=lab", "hydra.launcher.gpus_per_node=1"],
        ["hydra/launcher=ray", "hydra.launcher.ray.remote.num_cpus=1",
         "hydra.launcher.ray.remote={num_gpus:0.5}"],
    ],
)  # fmt: skip
def test_a_sweep_comes_back_with_its_launcher(tmp_path: Path, words: list[str]) -> None:
    save(tmp_path, words, ["seed=0,1"])
    assert resume(tmp_path)[1 : 1 + len(words)] == words


def test_a_sweep_is_resumed_as_a_sweep_and_in_its_own_folder(tmp_path: Path) -> None:
    said = ["hydra.mode=RUN", "hydra.sweep.dir=/elsewhere", "++hydra.mode=RUN"]
    save(tmp_path, said, ["sweep=seeds", "sweep.resume=/elsewhere", "train.resume=null"])
    assert resume(tmp_path) == [
        "hydra.mode=MULTIRUN",
        "sweep=seeds",
        "train.resume=null",
        f"hydra.sweep.dir={tmp_path}",
        f"sweep.resume={tmp_path}",
    ]


@pytest.mark.parametrize(
    "word",
    [
        "--experimental-rerun=rerun.pickle", "--config-dir=.", "--config-path=/tmp", "-cd=.",
        "--config-name=x", "-cn", "--multirun", "-m", "--", "--info", "--help", "", 5, None,
        ["seed=1"], "seed=" + "1" * 5000, "tag=a\0b", "tag='a\nb'", "\x1b[2Jseed=1",
        "hydra.callbacks.x={_target_:os.system}", "hydra.searchpath=[file:///elsewhere]",
        "hydra.sweeper.custom_search_space=planted.run", "hydra.sweeper._target_=planted.run",
        "hydra.launcher={_target_:os.system}", "hydra/job_logging=theirs",
        "hydra/job_logging@hydra.callbacks=theirs", "hydra.job_logging.handlers.x.()=os.system",
        "hydra={searchpath:[file:///elsewhere]}", "={hydra:{searchpath:[file:///elsewhere]}}",
        "hydra@x={a:1}", "hydra.callbacks={}", "~hydra.callbacks", "hydra.run.dir=/tmp/x",
        "hydra.sweep.subdir=../../x", "hydra.sweep={subdir:../../x}", "hydra.output_subdir=../x",
        "hydra.job.chdir=true", "hydra.job.env_set.LD_PRELOAD=x.so", "hydra.job={name:x}",
        "hydra.verbose=true", "hydra.sweeper.sampler=cmaes", "hydra/sweeper/sampler=cmaes",
        "hydra/sweeper=../../received/theirs", "hydra/launcher=joblib@hydra.callbacks",
        "hydra/sweeper@hydra.callbacks.x=optuna", "hydra.launcher.temp_folder=/tmp/x",
        "hydra.launcher.pre_dispatch='__import__(\"os\")'", "hydra.launcher.n_jobs=many",
        "hydra.launcher.setup=['rm -r /']", "hydra.launcher.additional_parameters={wrap:rm}",
        "hydra.launcher.submitit_folder=/tmp/x", "hydra.launcher.partition='a b'",
        "hydra.launcher.ray.init.address=host:6379", "hydra.launcher.ray.remote.num_cpus=many",
        "hydra.launcher.ray={init:{address:auto}}", "hydra.launcher._target_=planted.run",
        "hydra.sweeper.storage=sqlite:////tmp/study.db", "hydra.sweeper.storage=mysql://host/db",
        "hydra.sweeper.storage=sqlite:///../study.db", "hydra.sweeper.storage={a:1}",
        "hydra.sweeper.storage='sqlite:///${hydra.sweep.dir}/../study.db'",
        "hydra.sweeper.storage='sqlite:///${hydra.sweep.dir}/x?uri=true/study.db'",
        "hydra.sweeper.storage='sqlite:///${oc.env:HOME}/study.db'",
        "hydra.sweeper.study_name=${oc.env:HOME}",
        "hydra.sweeper.params={hydra/job_logging:theirs}",
        "hydra.sweeper.params={++hydra.searchpath:'[file:///elsewhere]'}",
        "+hydra.sweeper.params.hydra.callbacks={x:1}", "hydra.sweeper.params={job:'train,extract'}",
        "hydra.sweeper.params={model:'../../received/theirs'}",
        "hydra.sweeper.params={seed:'${oc.env:HOME}'}", "hydra.sweeper.params={'a':1}",
        "hydra.sweeper.params={dataset.root:'/x/y'}",
        "+x={_target_:os.system}", "x._target_=os.system", "model={a:{_target_:os.system}}",
        "model=../../received/theirs", "dataset=/received/theirs", "sweep='/received/theirs'",
        "experiment=ddag,../theirs", "optimizer=choice(adam,'../theirs')", "recipe=[a,../theirs]",
        "+model@hydra.callbacks.x=ddag", "model@_global_=ddag", "model=glob('../*')",
        "hydra/../../received=theirs", "a/b=c", "tag=${oc.env:HOME}", "tag='${oc.env:HOME}'",
        "tag=${oc.decode:x}", "tag=${tag}", "tag=\\${a}", "tag=${hydra.sweep.dir}",
        "job=extract", "job=import_weights", "job=export_weights", "job=report", "job=search",
        "job=prepare", "job.name=report", "job={name:report,folder:/}", "job=train,report",
        "job=glob(*)", "job=nothing", "device.cache=/tmp/x", "device={cache:/tmp/x}",
        "dataset.root=/not/there", "dataset={root:/not/there}", "dataset.root=/,/not/there",
        "logger=mlflow", "logger=[csv,wandb]", "logger=csv,mlflow", "logger.mlflow.uri=http://host",
        "logger={mlflow:{uri:/x}}", "+logger.wandb.mode=online", "logger.csv=true",
        "train.resume=/home/me/outputs/mine", "train={resume:/home/me/outputs/mine}",
        "model.part", "seed=[", "seed=" + "[" * 2000, "$=1=", "@=",
    ],
)  # fmt: skip
def test_a_received_sweep_brings_in_neither_code_nor_settings_nor_a_place_to_write_to(
    tmp_path: Path, word: Any
) -> None:
    for hydra, task in (([word], []), ([], [word])):
        save(tmp_path, ["hydra.mode=MULTIRUN", *hydra], ["sweep=seeds", *task])
        with pytest.raises(InputError) as refused:
            resume(tmp_path)
        assert str(tmp_path / "multirun.yaml") in str(refused.value)


def test_what_a_user_types_too_comes_back_whatever_it_does(tmp_path: Path) -> None:
    task = ["seed=0,1", "device.cache=cache of mine", "dataset.root=/not/there"]
    save(tmp_path, [], task)
    words = [f"sweep.resume={tmp_path}", *task[1:]]
    with pytest.raises(InputError, match=r"'device.cache=cache of mine' dataset.root=/not/there,"):
        resume(tmp_path)
    with pytest.raises(InputError, match=r"resume=\S* dataset.root=/not/there$"):
        expand(words[:2])
    place = f"hydra.sweep.dir={tmp_path}"
    expected = ["hydra.mode=MULTIRUN", *task, "train.resume=auto", place, words[0]]
    assert expand(words) == expected
    for other in ("seed=1", "--multirun", "device.cache=other", "hydra.sweep.dir=/elsewhere"):
        with pytest.raises(InputError, match=f"leave out {other}"):
            expand([*words, other])


def test_the_command_that_a_refusal_names_is_one_that_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "0_model.graph=True,it's"
    folder.mkdir()
    save(folder, [], ["seed=0,1", "sweep=seeds", "device.cache='cache of mine'"])
    refused = type_in(tmp_path, override("sweep.resume", folder), code=2).stderr
    listed = paste(tmp_path, refused.partition("resume with ")[2].strip() + " sweep.list=true")
    assert "2 jobs" in listed.stdout


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hydra", b"[]", b"hydra: []", b"hydra: {}", b"hydra: {overrides: x}", b"5", b"\xff",
        b"hydra: {overrides: {hydra: [], task: }}", b"hydra: {overrides: {hydra: 1, task: []}}",
        b"hydra: {overrides: {hydra: {}, task: []}}", b"hydra: {overrides: {hydra: []}}",
        b"\x89PNG\r\n\x1a\n\0\0", b"a: " + b"[" * 5000, b"x" * (2 << 20), b"hydra: &a [*a]",
        b"hydra: {overrides: {hydra: [], task: []}, sweeper: {n_trials: many}}",
        b"hydra: {overrides: {hydra: [], task: []}, sweeper: {n_trials: true}}",
        b"hydra: {overrides: {hydra: [], task: []}, sweeper: 5}",
        b"hydra: {overrides: {hydra: [], task: [" + b"seed=1, " * 300 + b"]}}",
        b"hydra: !!python/object/apply:os.system ['touch planted']", b"{hydra: 1}: {hydra: 1}",
    ],
)  # fmt: skip
def test_a_folder_whose_saved_configuration_is_malformed_is_refused_by_its_name(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "multirun.yaml").write_bytes(content)
    with pytest.raises(InputError) as refused:
        resume(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'multirun.yaml'}: ")
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["0_seed=0", "0_seed=0/run.log", "multirun.yaml", "study.db"])
def test_a_sweep_from_whose_folder_a_link_or_a_pipe_leads_is_not_resumed(
    tmp_path: Path, name: str
) -> None:
    sweep, other = tmp_path / "sweep", tmp_path / "other"
    for folder in (sweep, other):
        folder.mkdir()
        save(folder, [], [])
    for make in (lambda path: path.symlink_to(other / "multirun.yaml"), os.mkfifo):
        path = sweep / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)
        with pytest.raises(InputError, match=path.name):
            resume(sweep)


@pytest.mark.parametrize("name", ["", "'${oc.env:HOME}'", "'a?mode=rw'", "a,b", "x" * 300, "[a]"])
def test_a_folder_that_is_none_of_a_sweep_is_refused_however_it_is_said(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("${oc.env:HOME}", "a?mode=rw"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder, [], [])
    for prefix in ("", "+", "++"):
        with pytest.raises((InputError, OSError)):
            expand([f"{prefix}sweep.resume={name}"])


def test_a_sweep_to_resume_is_known_by_its_key_and_null_is_none(tmp_path: Path) -> None:
    save(tmp_path, [], ["sweep=seeds"])
    for prefix in ("+", "++"):
        assert expand([f"{prefix}sweep.resume={tmp_path}"])[1] == "sweep=seeds"
    for words in (["sweep.resume=null", "seed=1"], ["~sweep.resume"]):
        assert expand(words) == words


def save_run(folder: Path, words: Sequence[Any]) -> Path:
    """What of a run that has been stopped says how it is resumed."""
    for name in (".hydra/overrides.yaml", "checkpoints/last.ckpt"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(yaml.safe_dump([*words]))
    return folder


def test_a_run_is_resumed_with_its_own_words_but_for_what_is_typed(tmp_path: Path) -> None:
    begun = ["model.pretrained=b.pth", "train.resume=auto"]
    kept = ["model=baseline", "tag=mine", "seed=3"]
    run = save_run(tmp_path / "run", [*kept, "train.epochs=4", *begun])
    again = f"train.resume={run}"
    assert expand([again]) == [*kept, "train.epochs=4", again]
    words = ["--cfg", "job", "train.epochs=8", again]
    assert expand(words) == ["--cfg", "job", *kept, "train.epochs=8", again]
    last = f"train.resume={run / 'checkpoints' / 'last.ckpt'}"
    assert expand([last]) == [*kept, "train.epochs=4", last]


def test_a_job_of_a_sweep_is_resumed_alone(tmp_path: Path) -> None:
    run = save_run(tmp_path / "1_seed=1", ["sweep=seeds", "seed=1"])
    word = override("train.resume", run)
    assert expand([word]) == ["hydra.mode=RUN", "sweep=seeds", "seed=1", word]
    said = type_in(tmp_path, word, "--cfg", "hydra", "-p", "hydra.mode").stdout
    assert said == "RunMode.RUN\n"


@pytest.mark.parametrize("word", ["train.resume=auto", "train.resume=null", "train.resume=nowhere"])
def test_where_no_run_is_named_the_words_stay_as_they_are(word: str) -> None:
    assert expand(["seed=1", word]) == ["seed=1", word]


@pytest.mark.parametrize(
    "word", ["+x={_target_:os.system}", "device.cache=/elsewhere", "job=extract", "tag=${oc.env:A}"]
)
def test_a_run_of_someone_else_brings_no_harm(tmp_path: Path, word: str) -> None:
    run = save_run(tmp_path / "run", ["seed=1", word])
    with pytest.raises(InputError, match="could run code or write elsewhere; if you trust it"):
        expand([f"train.resume={run}"])
    assert expand([f"train.resume={run}", word]) == ["seed=1", f"train.resume={run}", word]


def test_a_job_on_a_checkpoint_has_the_tag_of_its_run_unless_one_is_chosen(tmp_path: Path) -> None:
    run = save_run(tmp_path / "run", [])
    (run / ".hydra" / "config.yaml").write_text("tag: regdb_v2i")
    words = ["job=evaluate", f"checkpoint={run / 'checkpoints' / 'last.ckpt'}"]
    assert tagged(words) == [words[0], "tag=regdb_v2i", words[1]]
    for own in (["tag=mine"], ["experiment=regdb_i2v"], ["sweep=seeds"]):
        assert tagged([*words, *own]) == [*words, *own]
    (run / ".hydra" / "config.yaml").write_text("tag: ../elsewhere")
    assert tagged(words) == words
    assert tagged(["job=evaluate", "checkpoint=nowhere.ckpt"])[1:] == ["checkpoint=nowhere.ckpt"]
