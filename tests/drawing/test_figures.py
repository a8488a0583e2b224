from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ddag.data.records import Records
from ddag.drawing import attention, features
from ddag.drawing.figure import to_pixels
from ddag.drawing.page import Section, to_html
from ddag.evaluation.ranking import Comparison, Sample
from ddag.settings.choices import Modality


def varied(pixels: np.ndarray) -> bool:
    return len(np.unique(pixels.reshape(-1, 3), axis=0)) > 3


def test_activation_lies_over_the_image_where_it_is_strong(tiny_regdb: Path) -> None:
    paths = [str(next((tiny_regdb / each / "1").iterdir())) for each in ("Visible", "Thermal")]
    activation = np.zeros((2, 4, 2))
    activation[:, 0] = 1  # the top row
    pixels = to_pixels(attention.draw_activation(paths, activation)).astype(int)
    assert pixels.shape[:2] == (2 * attention.HEIGHT + 36, 2 * attention.WIDTH + 36)
    for left in (12, 24 + attention.WIDTH):
        covered = pixels[24 + attention.HEIGHT : -12, left : left + attention.WIDTH]
        red, blue = covered[:20].mean(axis=(0, 1)), covered[-20:].mean(axis=(0, 1))
        assert red[0] > red[2]
        assert blue[2] > blue[0]


@pytest.mark.parametrize("part", [1, 3, 18])
def test_parts_and_gate_are_drawn_for_any_number_of_parts(part: int) -> None:
    uniform = np.full((part, part), 1 / part)
    figure = attention.draw_parts({"visible": uniform, "infrared": uniform}, uniform[0])
    pixels = to_pixels(figure)
    assert pixels.shape == (330, 990, 3)
    assert varied(pixels)


def comparison(features_by_name: dict[str, np.ndarray]) -> Comparison:
    identities = np.array([0, 0, 1, 1])
    sides = [
        Records(np.array(["x"] * 4), identities, np.zeros(4, int), modality)
        for modality in (Modality.visible, Modality.infrared)
    ]
    excluded = np.zeros((4, 4), bool)
    return Comparison(*sides, features_by_name, features_by_name, lambda *_: excluded)


def test_distances_have_a_plot_for_each_feature_and_count_their_pairs() -> None:
    unit = np.eye(4)
    figure = features.draw_distances(comparison({"feat": unit, "feat_att": unit}))
    assert [axes.get_title() for axes in figure.axes] == ["feat", "feat_att"]
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == ["same identity: 8 pairs", "different identities: 8 pairs"]
    assert varied(to_pixels(figure))


@pytest.mark.parametrize("count", [features.FEWEST, 40])
def test_the_map_has_every_image_under_its_modalitys_mark(count: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    modalities = [Modality.visible] * (count - 1) + [Modality.infrared]
    numbers = np.arange(count) % 3
    figure = features.draw_map(Sample(vectors, numbers, numbers, modalities, ["x"] * count), seed=0)
    visible, infrared = figure.axes[0].collections
    assert len(visible.get_offsets()) == count - 1
    assert len(infrared.get_offsets()) == 1
    assert varied(to_pixels(figure))


def test_the_page_needs_no_other_file_and_escapes_names() -> None:
    page = to_html(
        "<b>best</b>", {"check&point": 'a"<script>'}, [Section("a", "A <i>", "text & more", b"PNG"),
                                                       Section("b", "B", "left out")],
    )  # fmt: skip
    assert "<script" not in page
    assert "<i>" not in page
    assert "check&amp;point" in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:image/png;base64,UE5H"]
    assert page.count("<img") == 1
