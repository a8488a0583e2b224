"""Writes generated people to disk, each data set's in its own layout, whole or not at all."""

from __future__ import annotations

import glob
import json
import shutil
import time
import uuid
from collections.abc import Callable
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

SIZE = (64, 128)  # width and height, where a data set has no size of its own
_DAY = 86400.0  # seconds
# By what older markers say: the files are the same.
_RENAMED = {"pictures": "images"}


@dataclass(frozen=True)
class Shot:
    """One image to take; ``path`` lies below the root, ``size`` is width and height.

    Identity, camera and number together tell one image from another.
    """

    path: str
    identity: int
    camera: int
    number: int
    modality: Modality
    size: tuple[int, int] = SIZE


@dataclass(frozen=True)
class Plan:
    """All that a root holds: images, and text files by their path below it."""

    shots: list[Shot]
    texts: dict[str, str]


@dataclass(frozen=True)
class Layout:
    """How people are laid out on disk.

    Attributes:
        name: stands in the marker of what was generated.
        plan: of identities, images of each and a generator of random numbers, what is written.
    """

    name: str
    plan: Callable[[int, int, np.random.Generator], Plan]


def image_count(*, layout: Layout, identities: int, images: int, seed: int) -> int:
    """How many images ``generate`` writes with these settings."""
    return len(_plan(layout, identities, images, seed).shots)


def generate(
    root: Path,
    *,
    layout: Layout,
    identities: int,
    images: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write a data set of generated people, whole or not at all; do nothing where it is.

    Args:
        root: the folder to make.
        layout: of what is written.
        identities: how many people, 4 to 7000.
        images: of each person, by each modality or each camera: as the layout has it.
        seed: 0 or more; the same settings give the same files.
        advance: called after each of the ``image_count`` images.

    Raises:
        InputError: ``root`` holds something else, or cannot be written.
    """
    settings = {
        "layout": layout.name,
        "identities": identities,
        "images": images,
        "seed": seed,
        "version": VERSION,
    }
    if not _holds(root, settings):
        plan = _plan(layout, identities, images, seed)
        _write_whole(root, settings, lambda partial: _write(partial, plan, seed, advance))


def _write_whole(root: Path, settings: dict[str, object], write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a folder beside ``root``, then move it there."""
    # Named at random: two processes may be at it, and a killed one leaves its folder behind.
    partial = root.with_name(f".{root.name}.{uuid.uuid4().hex}.partial")
    try:
        _remove_leftovers(root)
        write(partial)
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
    if not isinstance(found, dict):
        return None
    return {_RENAMED.get(name, str(name)): value for name, value in found.items()}


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


def _write(root: Path, plan: Plan, seed: int, advance: Callable[[], None]) -> None:
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


def _plan(layout: Layout, identities: int, images: int, seed: int) -> Plan:
    return layout.plan(identities, images, np.random.default_rng([seed, 0, 0, 0, 3]))


def sheet(*, identities: int, images: int, seed: int) -> Image.Image:
    """A contact sheet: a row for each person, visible images left, infrared ones right.

    Args:
        identities: rows.
        images: of each modality in a row.
        seed: as of ``generate``; cameras 1 (visible) and 2 (infrared), identities from 1.
    """
    gap = 2
    width, height = (length + gap for length in SIZE)
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
                image = take_image(person, modality, SIZE, rng)
                paper.paste(image, (left + n * width + gap, row * height + gap))
    return paper
