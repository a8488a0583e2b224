from __future__ import annotations

import pytest
from typed import parse

from ddag.composition import restore
from ddag.machine.errors import InputError
from ddag.settings.history import translate, upgrade
from ddag.settings.plain import to_plain

# What the version before methods had names saved of its default run, but for what is the same.
BEFORE = {
    "model": {"backbone": "resnet18", "part": 3, "graph": True, "low_dim": 512, "heads": 4,
              "dropout": 0.2, "pretrained": None},
    "loss": {"kind": "id+tri", "triplet": "hard", "margin": 0.3},
    "optimizer": {"kind": "adam", "lr": 0.0015, "backbone_scale": 1, "weight_decay": 5e-4},
    "schedule": {"kind": "cosine", "warmup": 0, "start_decay": 0, "end_decay": 0},
    "dataset": {"name": "synthetic", "generate": {"identities": 200, "pictures": 10, "seed": 0},
                "root": "data/synthetic/200x10_seed0", "trial": 1, "direction": "v2i"},
    "augmentation": {"crop": 3, "flip": True, "grayscale": 0.5, "erasing": 0.0},
}  # fmt: skip


def test_settings_saved_before_methods_had_names_are_those_of_today() -> None:
    today = to_plain(parse("model=ddag_paper"))
    data = {key: value for key, value in today["data"].items() if key != "flip_test"}
    upgraded = upgrade({**today, "data": data, **BEFORE})
    assert upgraded == today


def test_settings_saved_before_there_were_more_are_those_that_leave_it_off() -> None:
    today = to_plain(parse())
    later = {"model": ("pooling", "gem_exponent", "private_stages"), "loss": ("smoothing",),
             "optimizer": ("clip",), "train": ("patience", "ema"),
             "device": ("precision", "workers", "sync_bn", "accumulate")}  # fmt: skip
    before = {
        group: {key: value for key, value in today[group].items() if key not in keys}
        for group, keys in later.items()
    }
    assert upgrade({**today, **before}) == today


def test_settings_of_today_are_left_alone() -> None:
    today = to_plain(parse("schedule=paper", "loss.triplet=null"))
    assert upgrade(today) == today


@pytest.mark.parametrize(
    ("kind", "identity", "triplet"),
    [("id", True, None), ("tri", False, "hard"), ("id+tri", True, "hard")],
)
def test_a_kind_of_loss_was_two_switches(kind: str, identity: bool, triplet: str | None) -> None:
    loss = upgrade({"loss": {"kind": kind, "triplet": "hard", "margin": 0.3}})["loss"]
    expected = {"identity": identity, "triplet": triplet, "margin": 0.3, "smoothing": 0.0}
    assert loss == expected


def test_the_papers_schedule_was_warmup_decay_by_its_numbers() -> None:
    before = {"kind": "paper", "warmup": 5, "start_decay": 15, "end_decay": 27}
    today = to_plain(parse("schedule=paper"))["schedule"]
    assert upgrade({"schedule": before})["schedule"] == today


def test_a_checkpoint_from_before_names_its_network() -> None:
    merged = restore(upgrade({**to_plain(parse()), **BEFORE}), parse("device=cpu"), [])
    assert merged.model.name == "ddag"


@pytest.mark.parametrize("stored", [{}, {"loss": 3}, {"schedule": {"kind": [1]}}, {"model": None}])
def test_what_no_version_saved_comes_back_as_it_is(stored: dict) -> None:
    assert upgrade(stored) == stored


@pytest.mark.parametrize(
    ("word", "today"),
    [
        ("loss.kind=id", ["loss.identity=true", "loss.triplet=null"]),
        ("loss.kind=tri", ["loss.identity=false"]),
        ("loss.kind=id+tri", ["loss.identity=true"]),
        ("loss.kind='id+tri'", ["loss.identity=true"]),
        ("dataset.generate.pictures=4", ["dataset.generate.images=4"]),
        ("model.part=3", ["model.part=3"]),
        ("-m", ["-m"]),
    ],
)
def test_words_that_users_may_have_typed_still_work(word: str, today: list[str]) -> None:
    assert translate([word]) == today


def test_a_word_without_an_equal_says_what_takes_its_place() -> None:
    with pytest.raises(InputError, match=r"loss\.identity=true,false and loss\.triplet=hard"):
        translate(["loss.kind=id,tri"])


@pytest.mark.parametrize("name", ["schedule=paper", "experiment=paper_regdb_v2i"])
def test_options_of_before_are_there(name: str) -> None:
    settings = parse("dataset=regdb", name)
    assert to_plain(settings)["schedule"] == {
        "kind": "warmup_decay", "warmup": 10, "start_decay": 20, "end_decay": 50,
    }  # fmt: skip
