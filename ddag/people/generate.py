"""Writes generated people to disk, each data set's in its own layout, whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Optional

import numpy as np
from PIL import Image

from ddag.machine.border import parse_json, read_text
from ddag.machine.errors import InputError
from ddag.machine.files import drafting
from ddag.machine.words import shortened
from ddag.people import crew
from ddag.people.crew import photograph
from ddag.people.layout import SIZE, Labels, Layout, Plan, Shot
from ddag.people.person import random_person
from ddag.settings.choices import Modality
from ddag.settings.data import Dials

# Goes up whenever the same settings no longer give the same images.
VERSION = 2
MARKER = "generated.json"

_DEFAULT = Dials()
# This stream of random numbers. NumPy pads a seed with zeros: the last number keeps it apart from
# those of a person (1), of an image (2) and of the dials (4 to 7).
_LAYOUT = 3
# By what older markers say: the files are the same.
_RENAMED = {"pictures": "images"}


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
    dials: Dials = _DEFAULT,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write a data set of generated people, whole or not at all; do nothing where it is.

    Args:
        root: the folder to make.
        layout: of what is written.
        identities: how many people, 4 to 7000.
        images: of each person, by each modality or each camera: as the layout has it.
        seed: 0 or more; the same settings give the same files.
        dials: how hard the people are to recognise.
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
        **_positions(dials),
    }
    if not _holds(root, settings):
        plan = _plan(layout, identities, images, seed, dials.label_noise)
        _write_whole(root, settings, lambda partial: _write(partial, plan, seed, dials, advance))


def _positions(dials: Dials) -> dict[str, float]:
    return {dial.name: getattr(dials, dial.name) for dial in fields(Dials)}


def _write_whole(root: Path, settings: dict[str, object], write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a folder beside ``root``, then move it there."""
    # Named at random: two processes may be at it.
    partial = root.with_name(f".{root.name}.{uuid.uuid4().hex}.partial")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with drafting(root.parent, rf"\.{re.escape(root.name)}\..*\.partial"):
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
        there = ", ".join(f"{name}={shortened(found.get(name), 60)}" for name in differing)
        asked = ", ".join(f"{name}={settings[name]}" for name in differing)
        raise InputError(
            f"dataset.root={root}: was generated with {there}, not {asked}; "
            "name another folder, or remove this one"
        )
    return True


def _read_marker(root: Path) -> Optional[dict[str, object]]:
    try:
        found = parse_json(read_text(root / MARKER))
    except (ValueError, RecursionError):  # an InputError, too
        return None
    if not isinstance(found, dict):
        return None
    renamed = {_RENAMED.get(name, str(name)): value for name, value in found.items()}
    return {**_positions(_DEFAULT), **renamed}  # older markers have no dials


def _publish(partial: Path, root: Path, settings: dict[str, object]) -> None:
    try:
        partial.rename(root)
    except OSError:
        # Another process may have been faster; what it made is as good if it is the same.
        if not _holds(root, settings):
            raise


def _write(root: Path, plan: Plan, seed: int, dials: Dials, advance: Callable[[], None]) -> None:
    for name, text in plan.texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    crew.perform(crew.Task(root, plan.shots, seed, dials), advance)


def _plan(layout: Layout, identities: int, images: int, seed: int, noise: float = 0.0) -> Plan:
    rng = np.random.default_rng([seed, 0, 0, 0, _LAYOUT])
    return layout.plan(identities, images, rng, Labels(noise, seed))


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
                shot = Shot("", row + 1, camera, n + 1, modality)
                image = photograph(person, shot, seed=seed)
                paper.paste(image, (left + n * width + gap, row * height + gap))
    return paper
