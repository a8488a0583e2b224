"""run.py as a user types it, in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from typed import (
    REPOSITORY,
    TINY,
    only_run,
    paste,
    printed,
    read_events,
    read_metrics,
    type_in,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path) -> Path:
    """A folder in which a short training on RegDB's layout has been run."""
    folder = tmp_path_factory.mktemp("trained")
    # A name such as a sweep gives its jobs, and worse.
    place = "hydra.run.dir='outputs/toy/0_model.graph=True,it\\'s $HOME'"
    words = ["dataset=regdb", f"dataset.root={tiny_regdb}", "train.eval_start=true", place, *TINY]
    (folder / "said.txt").write_text(type_in(folder, *words).stdout)
    return folder


@pytest.mark.smoke
def test_a_run_leaves_its_files(trained: Path) -> None:
    run = only_run(trained)
    assert run.parent.name == "toy"
    names = {str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()}
    expected = {"run.log", "metrics.jsonl", "result.json", ".hydra/config.yaml",
                ".hydra/overrides.yaml", "checkpoints/last.ckpt",
                "checkpoints/best.ckpt"}  # fmt: skip
    assert expected <= names
    assert len([name for name in names if name.startswith("events.out.tfevents")]) == 1
    log = (run / "run.log").read_text()
    assert "epoch  1/2" in log
    assert "epoch  2/2" in log


def test_metrics_have_a_line_an_epoch_and_the_house_keys(trained: Path) -> None:
    lines = [
        json.loads(line) for line in (only_run(trained) / "metrics.jsonl").read_text().splitlines()
    ]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert lines[1]["train/graph_weight"] == 0
    parts = sum(lines[1][f"train/loss_{name}"] for name in ("id", "triplet", "part"))
    assert lines[2]["train/graph_weight"] == pytest.approx(1 / (1 + parts))
    for key in ("train/loss", "train/lr", "eval/feat/rank1", "eval/feat_att/mAP"):
        assert key in lines[2]


def test_tensorboard_reads_what_metrics_say(trained: Path) -> None:
    run = only_run(trained)
    events = read_events(run)
    lines = read_metrics(run)
    for key in ("train/loss", "eval/feat_att/rank1"):
        ours = {line["epoch"]: line[key] for line in lines if key in line}
        theirs = {event.step: event.value for event in events.Scalars(key)}
        assert theirs == pytest.approx(ours)


def test_tensorboard_has_every_figure_images_histograms_and_the_settings(trained: Path) -> None:
    run = only_run(trained)
    events = read_events(run)
    tags = events.Tags()
    losses = {f"train/loss{term}" for term in ("", "_id", "_triplet", "_part", "_graph")}
    rates = {"train/lr", "train/lr_backbone", "train/graph_weight", "train/images_per_second",
             "train/skipped"}  # fmt: skip
    result = json.loads((run / "result.json").read_text())
    scores = {f"{feature}/{figure}" for feature in result["metrics"]
              for figure in result["metrics"][feature]}  # fmt: skip
    evaluated = {f"eval/{name}" for name in ("best", *scores)}
    signs = ("part_entropy", "part_spread", "part_gradient", "gate_spread", "graph_floor",
             "graph_gradient")  # fmt: skip
    health = {f"train/health/{sign}" for sign in signs}
    assert set(tags["scalars"]) == losses | health | rates | evaluated
    best = events.Scalars("eval/best")
    assert [point.step for point in best] == [1, 2]
    assert best[-1].value == pytest.approx(result["score"])
    assert set(tags["images"]) == {"view/batch", "view/rank_lists_feat_att"}
    attended = {"view/part_gate", "view/part_attention_visible", "view/part_attention_infrared"}
    assert set(tags["histograms"]) == attended
    assert "model.part" in str(events.PluginTagToContent("hparams"))
    texts = {"run/text_summary", "result/text_summary"}
    assert texts <= set(tags["tensors"])
    (page,) = events.Tensors("run/text_summary")
    assert "run.py dataset=regdb" in str(page.tensor_proto.string_val[0])
    by_step = read_events(run / "steps").Scalars("train/loss_by_step")
    assert [point.step for point in by_step] == [1, 2, 3, 4]
    assert (run / "projector_config.pbtxt").is_file()


def test_result_is_the_best_epochs_and_names_its_protocol(trained: Path) -> None:
    run = only_run(trained)
    result = json.loads((run / "result.json").read_text())
    assert result["protocol"] == {
        "dataset": "regdb", "direction": "v2i", "trial": 1, "flip": False, "rerank": False,
        "identities": 6, "queries": 24, "gallery_images": 24, "chance": 0.166667,
    }  # fmt: skip
    assert set(result["metrics"]) == {"feat", "feat_att"} == set(result["untrained"])
    assert result["monitor"] == "feat_att/rank1"
    assert result["cmc"]["feat_att"][0] == result["metrics"]["feat_att"]["rank1"] == result["score"]
    assert len(result["cmc"]["feat"]) == 20
    assert set(result["metrics"]["feat"]) == {"rank1", "rank5", "rank10", "rank20", "mAP", "mINP"}
    lines = read_metrics(run)
    scores = {line["epoch"]: line["eval/feat_att/rank1"] for line in lines if line["epoch"]}
    assert result["score"] == max(scores.values()) == scores[result["epoch"]]


@pytest.mark.slow
@pytest.mark.smoke
def test_evaluating_the_best_checkpoint_repeats_its_numbers(trained: Path, tmp_path: Path) -> None:
    run = only_run(trained)
    (tmp_path / "outputs" / "toy").mkdir(parents=True)
    (tmp_path / "outputs" / "toy" / run.name).symlink_to(run)
    paste(tmp_path, printed((trained / "said.txt").read_text(), "evaluate "))
    (place,) = (each for each in tmp_path.glob("outputs/*/*") if not each.is_symlink())
    again = json.loads((place / "result.json").read_text())
    first = json.loads((run / "result.json").read_text())
    for key in ("score", "metrics", "epoch", "protocol"):
        assert again[key] == first[key]


def test_every_command_that_a_run_prints_can_be_pasted(trained: Path) -> None:
    said = (trained / "said.txt").read_text()
    best = only_run(trained) / "checkpoints" / "best.ckpt"
    figures = paste(trained, f"{printed(said, 'figures ')} --cfg job").stdout
    assert OmegaConf.create(figures).checkpoint == str(best.relative_to(trained))
    assert "4 jobs" in paste(trained, f"{printed(said, 'sweep ')} sweep.list=true").stdout
    assert (trained / shlex.split(printed(said, "curves "))[-1]).samefile(only_run(trained))


@pytest.mark.slow
def test_the_same_seed_trains_the_same_network(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    type_in(tmp_path, "dataset=regdb", f"dataset.root={tiny_regdb}", *TINY)
    lines = [read_metrics(only_run(folder)) for folder in (trained, tmp_path)]
    for one, same in zip(lines[0][1:], lines[1]):
        one.pop("train/images_per_second")
        same.pop("train/images_per_second")
        assert one == same


@pytest.mark.slow
def test_resuming_from_a_checkpoint_ends_where_one_run_would(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    words = ["dataset=regdb", f"dataset.root={tiny_regdb}", *TINY]
    (tmp_path / "half").mkdir()
    type_in(tmp_path / "half", *words, "train.epochs=1")
    half = only_run(tmp_path / "half") / "checkpoints" / "last.ckpt"
    type_in(tmp_path, "train.epochs=2", f"train.resume={half}")
    whole, resumed = (
        [
            json.loads(line)
            for line in (only_run(folder) / "metrics.jsonl").read_text().splitlines()
        ][-1]
        for folder in (trained, tmp_path)
    )
    whole.pop("train/images_per_second")
    resumed.pop("train/images_per_second")
    assert resumed == whole


@pytest.mark.slow
def test_sysu_prepares_trains_and_evaluates(tmp_path: Path, tiny_sysu: Path) -> None:
    words = [*TINY, "train.epochs=1", "model.graph=false"]
    type_in(tmp_path, "dataset=sysu", "dataset.search=indoor", f"dataset.root={tiny_sysu}", *words)
    run = only_run(tmp_path)
    result = json.loads((run / "result.json").read_text())
    assert result["protocol"] == {
        "dataset": "sysu", "search": "indoor", "gallery": "random", "shots": 1, "galleries": 10,
        "flip": False, "rerank": False, "identities": 4, "queries": 24,
        "gallery_images": 8, "chance": 0.25,
    }  # fmt: skip
    assert (tiny_sysu / "train_rgb_resized_img.npy").is_file()
    again = tmp_path / "again"
    again.mkdir()
    type_in(again, "job=evaluate", f"checkpoint={run / 'checkpoints' / 'best.ckpt'}")
    repeated = json.loads((only_run(again) / "result.json").read_text())
    assert repeated["metrics"] == result["metrics"]
    assert repeated["std"] == result["std"]


@pytest.mark.slow
def test_a_sweep_runs_every_combination_as_if_alone(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    words = ["dataset=regdb", f"dataset.root={tiny_regdb}", *TINY]
    type_in(tmp_path, "-m", "model.part=0,3", *words)
    (sweep,) = tmp_path.glob("multirun_sweeps/toy/*")
    lines = (sweep / "leaderboard.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("|")][2:]
    assert {row.split(" | ")[1] for row in rows} == {"feat", r"feat\_att"}
    assert "Learning curves" in (sweep / "report.html").read_text()
    jobs = sorted(path for path in sweep.iterdir() if path.is_dir())
    assert [job.name.split("_", 1)[0] for job in jobs] == ["0", "1"]
    assert ["model.part=0" in jobs[0].name, "model.part=3" in jobs[1].name] == [True, True]
    last = []
    for job in jobs:
        events = read_events(job)
        last.append({key: events.Scalars(key)[-1].value for key in events.Tags()["scalars"]})
    assert "eval/feat_att/rank1" not in last[0]
    alone = [
        json.loads(line) for line in (only_run(trained) / "metrics.jsonl").read_text().splitlines()
    ][-1]
    for key in ("train/loss", "eval/feat_att/mAP"):
        assert last[1][key] == pytest.approx(alone[key])


@pytest.mark.slow
def test_an_interrupted_sweep_resumes_from_the_checkpoint_of_its_job(
    tmp_path: Path, tiny_regdb: Path
) -> None:
    words = ["dataset=regdb", f"dataset.root={tiny_regdb}", *TINY, "train.epochs=1"]
    type_in(tmp_path, "-m", "seed=0,1", "model.part=0", "model.graph=false", *words)
    (sweep,) = tmp_path.glob("multirun_sweeps/toy/*")
    first, second = sorted(path for path in sweep.iterdir() if path.is_dir())
    result = json.loads((second / "result.json").read_text())
    (second / "result.json").unlink()  # as if it had been interrupted before its last evaluation
    type_in(tmp_path, f"sweep.resume={sweep}")
    again = json.loads((second / "result.json").read_text())
    assert again["metrics"] == result["metrics"]
    assert "Resuming from" in (second / "run.log").read_text()
    assert "Resuming from" not in (first / "run.log").read_text()
    assert len(read_metrics(second)) == 1


def test_check_counts_and_finds_broken_images(tmp_path: Path, tiny_regdb: Path) -> None:
    done = type_in(tmp_path, "job=check", "dataset=regdb", f"dataset.root={tiny_regdb}")
    assert "published" in done.stdout
    assert "206" in done.stdout
    assert "All 96 images can be read" in done.stdout
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", str(tiny_regdb), str(broken)], check=True)
    image = next((broken / "Visible" / "1").iterdir())
    image.write_bytes(image.read_bytes()[:100])
    done = type_in(tmp_path, "job=check", "dataset=regdb", f"dataset.root={broken}", code=2)
    assert image.name in done.stdout
    assert "1 of 96 images cannot be read" in done.stderr


@pytest.mark.slow
def test_profile_shows_each_phase_of_a_step(tmp_path: Path, tiny_regdb: Path) -> None:
    done = type_in(tmp_path, "job=profile", "dataset=regdb", f"dataset.root={tiny_regdb}", *TINY)
    for phase in ("data", "host to device", "forward", "backward", "optimiser", "logging"):
        assert phase in done.stdout
    assert "deprecated" not in done.stdout + done.stderr
    assert (only_run(tmp_path) / "mindspore_profile").is_dir()


def test_prepare_writes_the_arrays_of_sysu(tmp_path: Path, tiny_sysu: Path) -> None:
    root = tmp_path / "sysu"
    subprocess.run(["cp", "-r", str(tiny_sysu), str(root)], check=True)
    type_in(tmp_path, "job=prepare", "dataset=sysu", f"dataset.root={root}")
    names = {file.name for file in root.glob("*.npy")}
    assert names == {
        f"train_{modality}_resized_{content}.npy"
        for modality in ("rgb", "ir")
        for content in ("img", "label")
    }
    done = type_in(tmp_path, "job=prepare", "dataset=regdb", code=2)
    assert "job=prepare" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["+model.partz=2"], "model.partz"),
        (["model.partz=2"], "model.partz"),
        (["model.part=three"], "model.part"),
        (["dataset=regbd"], "dataset=regbd: no such option; did you mean dataset=regdb?"),
        (["modle.part=3"], "modle.part=3: no such setting; did you mean model.part?"),
        (["-m", "modle.part=3,4"], "modle.part=3,4: no such setting; did you mean model.part?"),
        (["--dataset", "regdb"], "--dataset: no such flag; a setting is typed dataset=regdb"),
        (["dataset=regdb", "dataset.root=nowhere"], "dataset.root=nowhere"),
        (["dataset=sysu", "dataset.root=nowhere"], "dataset.root=nowhere"),
        (["job=evaluate", "checkpoint=none.ckpt"], "checkpoint=none.ckpt"),
        (["job=visualize"], "job=visualize"),
        (["job=search", "checkpoint=none.ckpt", "job.query=a.png"], "job.modality"),
        (["train.resume=none.ckpt", "dataset=regdb", "dataset.root={tiny}", *TINY], "none.ckpt"),
        (["sampler.identities=9", "dataset=regdb", "dataset.root={tiny}"], "sampler.identities=9"),
        (["device.workers=3"], "device.workers=3: a batch has 16 samples"),
        (["model.part"], "model.part: sets nothing; a setting is typed model.part=VALUE"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, tiny_regdb: Path, words: list[str], said: str
) -> None:
    words = [word.replace("{tiny}", str(tiny_regdb)) for word in words]
    done = type_in(tmp_path, *words, code=2)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_processes_of_one_run_must_be_told_their_folder(tmp_path: Path) -> None:
    place = {"MS_ROLE": "MS_WORKER", "MS_WORKER_NUM": "2", "MS_NODE_ID": "1"}
    done = type_in(tmp_path, "train.epochs=1", code=2, environment=place)
    assert "hydra.run.dir=FOLDER is missing" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "offered"), [("sweep=", "sweep=branches"), ("loss.triplet=", "loss.triplet=hard")]
)
def test_tab_completion_offers_what_there_is(tmp_path: Path, typed: str, offered: str) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "run.py"), "-sc", "query=bash"],
        cwd=tmp_path,
        env={**os.environ, "COMP_LINE": f"python run.py {typed}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert offered in done.stdout.split()


def test_help_is_written_for_people(tmp_path: Path) -> None:
    said = type_in(tmp_path, "--help").stdout
    assert "sweep: augmentation, branches" in said
    assert "python run.py job=evaluate checkpoint=PATH" in said
    assert max(map(len, said.splitlines())) < 250  # the presets in one line


def test_help_and_config_do_not_import_mindspore(tmp_path: Path) -> None:
    for words in (["--help"], ["--cfg", "job"]):
        script = (
            "import sys, runpy, atexit\n"
            "atexit.register(lambda: print('mindspore' in sys.modules, file=sys.stderr))\n"
            f"sys.argv = ['run.py', *{words!r}]\n"
            f"runpy.run_path({str(REPOSITORY / 'run.py')!r}, run_name='__main__')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == "False"
        assert "model" in done.stdout
