"""Writes generated people to disk in RegDB's or SYSU-MM01's layout."""

from __future__ import annotations

import glob
import json
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from PIL import Image

from ddag.machine.errors import InputError
from ddag.people.cameras import take_image
from ddag.people.person import random_person
from ddag.settings.choices import Modality

# Goes up whenever the same settings no longer give the same images.
VERSION = 2
MARKER = "generated.json"

_REGDB_SIZE = (64, 128)  # width, height
_REGDB_TRIALS = 10
_SYSU_VISIBLE, _SYSU_INFRARED = (1, 2, 4, 5), (3, 6)
_DAY = 86400.0  # seconds


@dataclass(frozen=True)
class _Shot:
    """One image to take; ``path`` lies below the root, ``size`` is width and height."""

    path: str
    identity: int
    camera: int
    number: int
    modality: Modality
    size: tuple[int, int]


@dataclass(frozen=True)
class _Plan:
    """All that a root holds: images, and text files by their path below it."""

    shots: list[_Shot]
    texts: dict[str, str]


def image_count(*, layout: str, identities: int, images: int, seed: int) -> int:
    """How many images ``generate`` writes with these settings."""
    return len(_plan(layout, identities, images, seed).shots)


def generate(
    root: Path,
    *,
    layout: str,
    identities: int,
    images: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write a data set of generated people, whole or not at all; do nothing where it is.

    Args:
        root: the folder to make.
        layout: ``regdb`` or ``sysu``.
        identities: how many people, at least 4; at most 7000 in SYSU-MM01's four-digit names.
        images: of each person, by each modality (``regdb``) or each camera (``sysu``).
        seed: 0 or more; the same settings give the same files.
        advance: called after each of the ``image_count`` images.

    Raises:
        InputError: ``root`` holds something else, or cannot be written.
    """
    settings = {
        "layout": layout,
        "identities": identities,
        "images": images,
        "seed": seed,
        "version": VERSION,
    }
    if _holds(root, settings):
        return
    # Named at random: two processes may be at it, and a killed one leaves its folder behind.
    partial = root.with_name(f".{root.name}.{uuid.uuid4().hex}.partial")
    try:
        _remove_leftovers(root)
        _write(partial, _plan(layout, identities, images, seed), seed, advance)
        (partial / MARKER).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        _publish(partial, root, settings)
    except OSError as error:
        raise InputError(
            f"dataset.root={root}: cannot write there ({error.strerror or error}); "
            "name another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _holds(root: Path, settings: dict[str, object]) -> bool:
    """Whether ``root`` was generated with these settings; False where there is nothing.

    Raises:
        InputError: it holds something else.
    """
    if not root.exists():
        return False
    found = _read_marker(root)
    if found is None:
        raise InputError(
            f"dataset.root={root}: is there and was not generated; "
            "name another folder, or remove this one"
        )
    differing = [name for name in settings if found.get(name) != settings[name]]
    if differing:
        there = ", ".join(f"{name}={found.get(name)}" for name in differing)
        asked = ", ".join(f"{name}={settings[name]}" for name in differing)
        raise InputError(
            f"dataset.root={root}: was generated with {there}, not {asked}; "
            "name another folder, or remove this one"
        )
    return True


def _read_marker(root: Path) -> Optional[dict[str, object]]:
    try:
        found = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _remove_leftovers(root: Path) -> None:
    """Remove what killed runs left; a day spares the folder of a run that is still at it."""
    for partial in root.parent.glob(f".{glob.escape(root.name)}.*.partial"):
        if time.time() - partial.stat().st_mtime > _DAY:
            shutil.rmtree(partial, ignore_errors=True)


def _publish(partial: Path, root: Path, settings: dict[str, object]) -> None:
    try:
        partial.rename(root)
    except OSError:
        # Another process may have been faster; what it made is as good if it is the same.
        if not _holds(root, settings):
            raise


def _write(root: Path, plan: _Plan, seed: int, advance: Callable[[], None]) -> None:
    for name, text in plan.texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    people = {i: random_person(seed, i) for i in {shot.identity for shot in plan.shots}}
    for shot in plan.shots:
        path = root / shot.path
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = _image_rng(seed, shot.identity, shot.camera, shot.number)
        take_image(people[shot.identity], shot.modality, shot.size, rng).save(path, quality=92)
        advance()


def _image_rng(seed: int, identity: int, camera: int, number: int) -> np.random.Generator:
    # NumPy pads a seed with zeros: the last number keeps it apart from a layout's and a person's.
    return np.random.default_rng([seed, identity, camera, number, 2])


def _plan(layout: str, identities: int, images: int, seed: int) -> _Plan:
    rng = np.random.default_rng([seed, 0, 0, 0, 3])
    return {"regdb": _plan_regdb, "sysu": _plan_sysu}[layout](identities, images, rng)


def _plan_regdb(identities: int, images: int, rng: np.random.Generator) -> _Plan:
    """Ten random halves of the people to train on, the other halves to test on."""
    shots = {
        folder: [
            _Shot(f"{folder}/{i}/{letter}_{n:05d}.bmp", i, camera, n, modality, _REGDB_SIZE)
            for i in range(1, identities + 1)
            for n in range(1, images + 1)
        ]
        for folder, letter, camera, modality in (
            ("Visible", "v", 1, Modality.visible),
            ("Thermal", "t", 2, Modality.infrared),
        )
    }
    texts = {}
    for trial in range(1, _REGDB_TRIALS + 1):
        order = rng.permutation(np.arange(1, identities + 1))
        half = identities // 2
        for split, members in (("train", order[:half]), ("test", order[half:])):
            for folder, own in shots.items():
                name = f"idx/{split}_{folder.lower()}_{trial}.txt"
                texts[name] = _regdb_index(own, np.sort(members).tolist())
    return _Plan(shots["Visible"] + shots["Thermal"], texts)


def _regdb_index(shots: Sequence[_Shot], members: Sequence[int]) -> str:
    """A line for each image of these people: its path and the person's label from 0."""
    labels = {identity: label for label, identity in enumerate(members)}
    return "".join(f"{s.path} {labels[s.identity]}\n" for s in shots if s.identity in labels)


def _plan_sysu(identities: int, images: int, rng: np.random.Generator) -> _Plan:
    """The real set's shares: three fifths train, a fifth each validation and test."""
    numbers = [1 + i + i // 3 for i in range(identities)]  # with gaps, as in the real set
    order = rng.permutation(numbers).tolist()
    fifth = max(1, identities // 5)
    splits = {"test": order[:fifth], "val": order[fifth : 2 * fifth], "train": order[2 * fifth :]}
    shots = []
    for i in numbers:
        for camera in _sysu_cameras(rng, tested=i in splits["test"]):
            modality = Modality.infrared if camera in _SYSU_INFRARED else Modality.visible
            for n in range(1, images + 1):
                height = int(rng.integers(96, 200))
                size = (int(height * rng.uniform(0.36, 0.5)), height)
                path = f"cam{camera}/{i:04d}/{n:04d}.jpg"
                shots.append(_Shot(path, i, camera, n, modality, size))
    texts = {
        f"exp/{name}_id.txt": ",".join(map(str, sorted(members))) + "\n"
        for name, members in splits.items()
    }
    return _Plan(shots, texts)


def _sysu_cameras(rng: np.random.Generator, *, tested: bool) -> list[int]:
    """Who passes which cameras: at least one of each modality."""
    cameras = {camera for camera in range(1, 7) if rng.random() < 0.8}
    cameras |= {int(rng.choice(_SYSU_VISIBLE)), int(rng.choice(_SYSU_INFRARED))}
    if tested:
        # Indoor search looks in cameras 1 and 2, and leaves out 2 for queries of camera 3, which
        # stands at the same place: only camera 1 is sure to give every query a match.
        cameras.add(1)
    return sorted(cameras)


def sheet(*, identities: int, images: int, seed: int) -> Image.Image:
    """A contact sheet: a row for each person, visible images left, infrared ones right.

    Args:
        identities: rows.
        images: of each modality in a row.
        seed: the images are those that ``generate`` writes in RegDB's layout.
    """
    gap = 2
    width, height = (length + gap for length in _REGDB_SIZE)
    infrared_left = images * width + 4 * gap
    size = (infrared_left + images * width + gap, identities * height + gap)
    paper = Image.new("RGB", size, "white")
    for row in range(identities):
        person = random_person(seed, row + 1)
        for camera, left, modality in (
            (1, 0, Modality.visible),
            (2, infrared_left, Modality.infrared),
        ):
            for n in range(images):
                rng = _image_rng(seed, row + 1, camera, n + 1)
                image = take_image(person, modality, _REGDB_SIZE, rng)
                paper.paste(image, (left + n * width + gap, row * height + gap))
    return paper
