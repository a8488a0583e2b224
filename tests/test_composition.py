from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from typed import REPOSITORY, parse

from ddag import composition
from ddag.datasets.direction import Direction
from ddag.datasets.llcm import LlcmConfig
from ddag.datasets.regdb import RegdbConfig
from ddag.datasets.sysu.dataset import Search, SysuConfig
from ddag.machine.errors import InputError
from ddag.methods import open_method
from ddag.methods.ddag import DdagConfig
from ddag.settings.choices import Backbone, OptimizerKind, Triplet
from ddag.settings.data import Dials
from ddag.settings.endings import is_bad_input, one_line
from ddag.settings.jobs import JOBS
from ddag.settings.plain import dotted, to_plain
from ddag.settings.training import CosineConfig, WarmupDecayConfig
from ddag.training import parts

CONF = REPOSITORY / "conf"
NEEDED = {  # settings of an option that have no default
    "import_weights": ["job.source=weights.pth"],
    "report": ["job.folder=outputs"],
    "index": ["job.gallery=archive", "job.gallery_modality=visible"],
    "serve": ["job.gallery=archive", "job.gallery_modality=visible"],
    "search": ["job.query=image.png", "job.modality=infrared", "job.gallery=archive"],
}


def test_the_default_is_the_whole_method_on_generated_people() -> None:
    settings = parse()
    assert settings.dataset.name == "synthetic"
    assert settings.dataset.generate is not None
    assert settings.model.backbone is Backbone.resnet18
    assert isinstance(settings.model, DdagConfig)
    assert (settings.model.part, settings.model.graph) == (3, True)
    assert settings.job.name == "train"


@pytest.mark.parametrize("name", ["synthetic", "synthetic_sysu", "synthetic_csv", "synthetic_llcm"])
def test_dials_off_their_defaults_name_the_folder_of_generated_people(name: str) -> None:
    plain = parse(f"dataset={name}")
    assert plain.dataset.generate is not None
    assert all(getattr(plain.dataset.generate, d.name) == d.default for d in fields(Dials))
    assert plain.dataset.root.endswith("_seed0")
    words = ["dataset.generate.pose=1", "dataset.generate.occlusion=0.4"]
    turned = parse(f"dataset={name}", *words, "dataset.generate.label_noise=0")
    assert turned.dataset.root == f"{plain.dataset.root}_occlusion0.4_pose1.0"
    assert parse(f"dataset={name}", *words, "dataset.root=mine").dataset.root == "mine"


@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan", "abc", "null"])
def test_a_dial_that_is_not_from_0_to_1_is_refused_by_name(value: str) -> None:
    with pytest.raises(InputError, match=r"^dataset\.generate\.misalignment"):
        parse(f"dataset.generate.misalignment={value}")


@pytest.mark.parametrize(("name", "epochs"), [("regdb", 80), ("sysu", 40), ("llcm", 40)])
def test_a_real_set_alone_picks_its_size_backbone_and_epochs(name: str, epochs: int) -> None:
    settings = parse(f"dataset={name}")
    assert (settings.data.height, settings.data.width) == (288, 144)
    assert settings.model.backbone is Backbone.resnet50
    assert settings.train.epochs == epochs
    assert settings.optimizer.lr == 0.0035
    assert settings.augmentation.crop == 10
    assert settings.schedule == WarmupDecayConfig(settings.schedule.kind, 5, 15, 27)
    assert settings.dataset.generate is None


@pytest.mark.parametrize("direction", ["v2i", "i2v"])
def test_regdb_presets_name_their_direction(direction: str) -> None:
    for name in (f"regdb_{direction}", f"paper_regdb_{direction}"):
        dataset = parse(f"experiment={name}").dataset
        assert isinstance(dataset, RegdbConfig)
        assert dataset.direction is Direction[direction]


@pytest.mark.parametrize("search", ["all", "indoor"])
def test_sysu_presets_name_their_search(search: str) -> None:
    for name in (f"sysu_{search}", f"paper_sysu_{search}"):
        dataset = parse(f"experiment={name}").dataset
        assert isinstance(dataset, SysuConfig)
        assert dataset.search is Search[search]


@pytest.mark.parametrize("direction", ["v2i", "i2v"])
def test_llcm_presets_name_their_direction(direction: str) -> None:
    dataset = parse(f"experiment=llcm_{direction}").dataset
    assert isinstance(dataset, LlcmConfig)
    assert dataset.direction is Direction[direction]


def test_the_papers_recipe() -> None:
    settings = parse("experiment=paper_sysu_all")
    assert settings.train.epochs == 81
    assert (settings.optimizer.kind, settings.optimizer.lr) == (OptimizerKind.sgd, 0.1)
    assert settings.schedule == WarmupDecayConfig(settings.schedule.kind, 10, 20, 50)
    assert (settings.augmentation.grayscale, settings.augmentation.erasing) == (0, 0)
    assert settings.augmentation.crop == 10
    assert settings.augmentation.flip


@pytest.mark.parametrize("dataset", ["regdb", "sysu", "llcm", "synthetic"])
def test_a_recipe_goes_before_the_data_sets_own(dataset: str) -> None:
    settings = parse(f"dataset={dataset}", "recipe=paper")
    assert (settings.train.epochs, settings.optimizer.lr) == (81, 0.1)
    assert settings.augmentation.erasing == 0


def test_methods_data_sets_and_recipes_go_together_freely() -> None:
    settings = parse("model=baseline", "dataset=sysu", "recipe=paper")
    assert settings.model.name == "baseline"
    assert settings.dataset.name == "sysu"
    assert settings.optimizer.kind is OptimizerKind.sgd
    assert settings.loss.triplet is Triplet.hard


def test_the_command_line_goes_before_a_preset() -> None:
    settings = parse("experiment=paper_regdb_v2i", "schedule=cosine", "train.epochs=3")
    assert isinstance(settings.schedule, CosineConfig)
    assert settings.train.epochs == 3


@pytest.mark.parametrize("file", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda f: f.stem)
def test_every_preset_composes_and_names_its_outputs(file: Path) -> None:
    assert parse(f"experiment={file.stem}").tag == file.stem


@pytest.mark.parametrize(
    "group", ["dataset", "optimizer", "schedule", "model", "device", "job", "recipe"]
)
def test_every_option_of_every_group_composes(group: str) -> None:
    for file in (CONF / group).glob("*.yaml"):
        works_on = file.stem in JOBS and JOBS[file.stem].on_checkpoint
        needed = [*NEEDED.get(file.stem, []), *(["checkpoint=some.ckpt"] if works_on else [])]
        parse(f"{group}={file.stem}", *needed)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["+model.partz=2"], "model.partz: no such setting"),
        (["model.part=19", "dataset=regdb"], "have 18 rows"),
        (["model.part=-1"], "model.part=-1"),
        (["model.private_stages=5"], "model.private_stages=5: use 0 (all shared) to 4"),
        (["model.gem_exponent=0"], "model.gem_exponent=0"),
        (["loss.smoothing=1"], "loss.smoothing=1.0: use 0 (off) to below 1"),
        (["optimizer.clip=0"], "optimizer.clip=0.0: use a number above 0, or null"),
        (["train.ema=1"], "train.ema=1.0: use 0 (off) to below 1"),
        (["train.patience=-1"], "train.patience=-1"),
        (["train.patience=2"], "train.patience=2: it needs train.eval_every=1 or more"),
        (["model=baseline", "model.pooling=max"], "model.pooling"),
        (["model.dropout=1"], "model.dropout=1.0"),
        (["dataset.trial=11"], "dataset.trial=11"),
        (["dataset=sysu", "dataset.shots=5"], "dataset.shots=5"),
        (["sampler.identities=1"], "sampler.identities=1"),
        (["augmentation.erasing=2"], "augmentation.erasing=2.0"),
        (["augmentation.erasing_infrared=-1"], "augmentation.erasing_infrared=-1.0"),
        (["augmentation.erasing_rule=random"], "augmentation.erasing_rule"),
        (["augmentation.channels.infrared=1.5"], "augmentation.channels.infrared=1.5"),
        (["augmentation.channels=0.5"], "augmentation.channels"),
        (["schedule=warmup_decay", "schedule.start_decay=3"], "schedule.start_decay=3"),
        (["train.epochs=0"], "train.epochs=0"),
        (["train.monitor=feat/rank2"], "train.monitor=feat/rank2"),
        (["train.monitor=feat_att/mAP", "model.part=0"], "train.monitor=feat_att/mAP"),
        (["tag=a/b"], "tag='a/b'"),
        ([f"tag={'a' * 300}"], "200 bytes at most"),
        (["train.resume="], "train.resume=: names nothing"),
        (["checkpoint="], "checkpoint=: names nothing"),
        (
            ["checkpoint=a.ckpt"],
            "checkpoint=a.ckpt: job=train does not read it; start from its"
            " weights by model.pretrained=PATH, or resume its run by train.resume=PATH",
        ),
        (
            ["job=search", "checkpoint=a", "job.query=a.png"],
            "job.modality: is not given; add job.modality=visible|infrared job.gallery=VALUE",
        ),
        (["job=report"], "job.folder: is not given; add job.folder=VALUE"),
        (["job=check", "checkpoint=a.ckpt"], "job=check does not read it; leave it out"),
        (["model.pretrained="], "model.pretrained=: names nothing"),
        (["device.cache="], "device.cache=: names nothing"),
        (["dataset.root="], "dataset.root=: names nothing"),
        *(([f"~{group}"], group) for group in ("data", "dataset", "model", "train", "seed", "job")),
        (["seed=-1"], "seed=-1"),
        (["job=evaluate"], "checkpoint"),
        (["optimizer.lr=nan"], "optimizer.lr=nan"),
        (["train.resume=a", "model.pretrained=b"], "train.resume=a"),
        (["train.save_every_steps=-1"], "train.save_every_steps=-1"),
        (["train.epochs=1000000000"], "train.epochs=1000000000"),
        (["data.test_batch=1000000000"], "data.test_batch=1000000000"),
        (["loss.margin=inf"], "loss.margin=inf"),
        (["model=baseline", "model.part=3"], "model.part"),
        (["schedule=cosine", "schedule.start_decay=3"], "schedule.start_decay"),
        (["schedule=constant", "schedule.warmup=3"], "schedule.warmup"),
        (["optimizer.kind=adamw"], "optimizer.kind"),
        (["dataset.name=regbd"], "dataset.name=regbd"),
        (["model.name=dgad"], "model.name=dgad"),
        (["model=baseline", "loss.identity=false", "loss.triplet=null"], "loss.identity=false"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(overrides: list[str], said: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011, Hydra has its own
        parse(*overrides)
    assert is_bad_input(caught.value)
    assert said in one_line(caught.value)
    assert "\n" not in one_line(caught.value)


def test_a_path_that_no_file_can_have_is_bad_input() -> None:
    with pytest.raises(OSError, match="too long") as caught:
        Path("x/" * 3000).stat()
    assert is_bad_input(caught.value)


def test_the_folder_of_a_job_is_one_name_that_file_systems_take() -> None:
    name = composition.folder_name("model.part=0,dataset.root=a/b," + "x" * 300)
    assert "/" not in name
    assert name.startswith("model.part=0,dataset.root=a-b,")
    assert len(name) <= 200
    assert len(composition.folder_name("tag='" + "ä" * 200).encode()) <= 200


def test_rank1_of_the_refined_feature_is_monitored_where_there_is_one() -> None:
    assert open_method(parse()).monitor == "feat_att/rank1"
    assert open_method(parse("model.part=0")).monitor == "feat/rank1"
    assert open_method(parse("model=baseline")).monitor == "feat/rank1"
    assert open_method(parse("train.monitor=feat/mAP")).monitor == "feat/mAP"


def test_a_checkpoints_settings_come_back_but_for_what_is_given() -> None:
    trained = parse("dataset=regdb", "dataset.trial=4", "model.part=6", "data.height=192")
    now = parse("job=evaluate", "checkpoint=x.ckpt", "dataset.direction=i2v")
    merged = composition.restore(to_plain(trained), now, ["dataset.direction=i2v"])
    assert isinstance(merged.dataset, RegdbConfig)
    assert (merged.dataset.name, merged.dataset.trial) == ("regdb", 4)
    assert merged.dataset.direction is Direction.i2v
    assert isinstance(merged.model, DdagConfig)
    assert (merged.model.part, merged.data.height) == (6, 192)
    assert merged.job.name == "evaluate"


def test_a_checkpoint_of_the_other_layout_comes_back_as_its_own() -> None:
    trained = parse("dataset=sysu", "dataset.search=indoor")
    merged = composition.restore(to_plain(trained), parse("device=cpu"), [])
    assert isinstance(merged.dataset, SysuConfig)
    assert merged.dataset.search is Search.indoor


def test_damaged_settings_of_a_checkpoint_are_refused() -> None:
    stored = to_plain(parse())
    stored["model"]["part"] = "many"
    with pytest.raises(InputError, match="settings do not fit"):
        composition.restore(stored, parse(), [])


def test_what_is_given_beside_a_checkpoint_is_refused_as_given() -> None:
    stored = to_plain(parse("model.part=3"))
    now = parse("job=evaluate", "checkpoint=x.ckpt", "model.part=6", "data.height=96")
    low = {**stored, "data": {**stored["data"], "height": 64}}
    with pytest.raises(InputError, match=r"^model\.part=6: images 64 high have 4 rows"):
        composition.restore(low, now, ["model.part=6"])


def test_auto_and_pretrained_go_together_since_a_new_run_may_begin() -> None:
    assert parse("train.resume=auto", "model.pretrained=b").train.resume == "auto"


GROUPS = {path.parent.name: "" for path in CONF.glob("*/*.yaml")}
CHOICES = st.one_of(
    *(
        st.builds("{}={}".format, st.just(group), st.sampled_from([file.stem for file in files]))
        for group in GROUPS
        if (files := sorted((CONF / group).glob("*.yaml")))
    )
)
VALUES = st.one_of(
    st.integers(-(2**40), 2**40),
    st.integers(-2, 30),
    st.floats(),
    st.booleans(),
    st.sampled_from(["null", "[]", "{}", "[1,2]", "{a:1}", "''", "text", "???", "1e400", "auto"]),
    st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=5),
)


@cache
def keys() -> list[str]:
    """What overrides can set: every setting, and some groups as a whole."""
    return [
        *dotted(to_plain(parse())),
        "model",
        "train",
        "dataset",
        "dataset.generate",
    ]


@st.composite
def overrides(draw: st.DrawFn) -> list[str]:
    """Some groups and some settings, each with a value that may or may not be one for it."""
    chosen = draw(st.lists(CHOICES, max_size=3))
    values = draw(st.lists(st.tuples(st.sampled_from(keys()), VALUES), min_size=1, max_size=4))
    return chosen + [f"{key}={value}" for key, value in values]


@pytest.mark.slow
@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(overrides())
def test_any_settings_are_taken_or_refused_in_one_line(given: list[str]) -> None:
    try:
        settings = parse(*given)
    except Exception as error:
        assert is_bad_input(error), given  # noqa: PT017, any exception there may be
        line = one_line(error)
        assert line
        assert "\n" not in line
    else:
        assert open_method(settings).monitor
        assert len(parts.epoch_rates(settings)) == settings.train.epochs


def test_settings_of_a_checkpoint_that_cannot_work_are_refused_with_its_name() -> None:
    now = parse("job=evaluate", "checkpoint=x.ckpt")
    for key, value in (("model.low_dim", -5), ("data.height", float("nan")), ("dataset", [1]),
                       ("model.part", 10**18), ("dataset.name", "?"), ("data.workers", "???"),
                       ("model", {"name": "ddag", "new": {"deep": [[1]]}})):  # fmt: skip
        stored = to_plain(parse("dataset=regdb"))
        group, _, name = key.partition(".")
        if name:
            stored[group][name] = value
        else:
            stored[group] = value
        with pytest.raises(InputError, match=r"checkpoint=x\.ckpt: its settings"):
            composition.restore(stored, now, [])
