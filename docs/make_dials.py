"""Writes docs/dials.jpg, what each dial of the generated people does: python docs/make_dials.py."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

from ddag.people.conditions import conditioned
from ddag.people.crew import photograph
from ddag.people.layout import SIZE, Labels, Shot
from ddag.people.person import random_person
from ddag.settings.choices import Modality
from ddag.settings.data import Dials

SEED = 0
POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
PEOPLE = range(1, 21)
LABEL = 2
SHOWN = 3  # images of each modality at a position of a dial
CAMERAS = {Modality.visible: 1, Modality.infrared: 2}
GAP, LINE = 2, 24
WRONG = "#d01010"
FONT = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 14)
Framed = tuple[Shot, bool]


def shots(modality: Modality, *, dial: str, dials: Dials) -> list[Framed]:
    """Of three people; for the noise of labels, three under one label, and who is somebody else."""
    if dial != "label_noise":
        return [(Shot("", i, CAMERAS[modality], 1, modality), False) for i in PEOPLE][:SHOWN]
    training = [Shot("", i, CAMERAS[modality], n, modality) for i in PEOPLE for n in range(1, 11)]
    borrowers = dict(zip(Labels(dials.label_noise, SEED).borrowed(training), training))
    under = [borrowers[shot] for shot in training if shot.identity == LABEL]
    return [(shot, shot.identity != LABEL) for shot in under]


def cell(dial: str, dials: Dials) -> Image.Image:
    """Visible images above infrared ones."""
    width, height = (length + GAP for length in SIZE)
    paper = Image.new("RGB", (SHOWN * width, 2 * height), "white")
    pen = ImageDraw.Draw(paper)
    for row, modality in enumerate(Modality):
        for column, (shot, wrong) in enumerate(shots(modality, dial=dial, dials=dials)[:SHOWN]):
            person = conditioned(random_person(SEED, shot.identity), dials)
            x, y = column * width, row * height
            paper.paste(photograph(person, shot, seed=SEED, dials=dials), (x, y))
            if wrong:
                pen.rectangle((x, y, x + SIZE[0] - 1, y + SIZE[1] - 1), outline=WRONG, width=4)
    return paper


def sheet() -> Image.Image:
    """A row for each dial, a column for each position of it."""
    width, height = SHOWN * (SIZE[0] + GAP) + 12, 2 * (SIZE[1] + GAP) + LINE
    names = [dial.name for dial in fields(Dials)]
    paper = Image.new("RGB", (len(POSITIONS) * width, len(names) * height), "white")
    pen = ImageDraw.Draw(paper)
    for row, name in enumerate(names):
        for column, position in enumerate(POSITIONS):
            said = f"{name}={position:g}"
            if position == getattr(Dials, name):
                said += ", default"
            x, y = column * width, row * height
            pen.text((x + 2, y + 3), said, fill="black", font=FONT)
            paper.paste(cell(name, replace(Dials(), **{name: position})), (x, y + LINE))
    return paper


if __name__ == "__main__":
    sheet().save(Path(__file__).with_name("dials.jpg"), quality=85, optimize=True)
