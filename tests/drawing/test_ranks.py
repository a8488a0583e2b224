from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from typed import parse

from ddag.datasets import open_dataset
from ddag.drawing import ranks
from ddag.drawing.figure import to_pixels
from ddag.drawing.ranks import RankList
from ddag.evaluation.ranking import Comparison


@pytest.fixture(scope="module")
def compared(tiny_sysu: Path) -> Comparison:
    """SYSU-MM01's query and first gallery with features of chance."""
    settings = parse("dataset=sysu", "dataset.shots=10", f"dataset.root={tiny_sysu}")
    dataset = open_dataset(settings.dataset, settings.data)
    test_set = dataset.read_test()
    query, gallery = test_set.query, test_set.gallery.select(test_set.trials[0])
    features = []
    for number, side in enumerate((query, gallery)):
        drawn = np.random.default_rng(number).normal(size=(len(side), 8))
        features.append({"feat": drawn / np.linalg.norm(drawn, axis=1, keepdims=True)})
    return Comparison(query, gallery, *features, dataset.protocol.excluded)


def frame_colours(pixels: np.ndarray, row: int = 0) -> list[str]:
    """Right, wrong or neutral of each cell of a row, by the middle of its frame's left side."""
    named = {
        tuple((np.array(to_rgb(colour)) * 255).round().astype(int)): name
        for name, colour in (("right", ranks.RIGHT), ("wrong", ranks.WRONG),
                             ("neutral", ranks.NEUTRAL))
    }  # fmt: skip
    y = row * ranks.CELL_HEIGHT + ranks.FRAME + ranks.HEIGHT // 2
    edge = (ranks.CELL_WIDTH - ranks.WIDTH) // 2 - ranks.FRAME // 2
    places = [edge + place * ranks.CELL_WIDTH + (ranks.GAP if place else 0) for place in range(11)]
    return [named.get(tuple(pixels[y, x].tolist()), "empty") for x in places]


def test_frames_tell_right_from_wrong(compared: Comparison) -> None:
    rows = compared.spread_queries(4)
    lists = [ranks.rank_list(compared, "feat", row) for row in rows]
    pixels = to_pixels(ranks.draw(lists))
    seen = set()
    for number, (row, each) in enumerate(zip(rows, lists)):
        own = int(compared.query.identities[row])
        # The folder of an image is its person.
        expected = [
            "right" if int(Path(path).parent.name) == own else "wrong" for path in each.paths
        ]
        assert frame_colours(pixels, number) == ["neutral", *expected]
        assert ["✓" in caption for caption in each.captions] == [
            name == "right" for name in expected
        ]
        seen |= set(expected)
    assert seen == {"right", "wrong"}


def test_no_query_of_camera_3_is_shown_images_of_camera_2(compared: Comparison) -> None:
    row = int(np.flatnonzero(compared.query.cameras == 3)[0])
    assert (compared.gallery.cameras == 2).any()
    each = ranks.rank_list(compared, "feat", row)
    assert len(each.paths) == ranks.TOP
    assert not any("cam2" in path or "camera 2" in path for path in (*each.paths, *each.captions))
    other = int(np.flatnonzero(compared.query.cameras == 6)[0])
    assert any("cam2" in path for path in ranks.rank_list(compared, "feat", other).paths)


def test_distances_rise_along_the_list(compared: Comparison) -> None:
    captions = ranks.rank_list(compared, "feat", 0).captions
    distances = [float(caption.splitlines()[-1]) for caption in captions]
    assert distances == sorted(distances)


def test_a_gallery_of_fewer_than_ten_leaves_the_rest_empty(compared: Comparison) -> None:
    path = str(compared.query.paths[0])
    short = RankList(path, "query", paths=[path] * 3, captions=["$5", "$_$", "plain"])
    pixels = to_pixels(ranks.draw([short]))
    assert frame_colours(pixels) == ["neutral"] * 4 + ["empty"] * 7
