"""What tests of the search page share: generated people, and features without MindSpore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ddag.data import image_folder
from ddag.data.images import read_images, resize
from ddag.evaluation.ranking import cosine_distance, nearest
from ddag.people.crew import photograph
from ddag.people.layout import Shot
from ddag.people.person import random_person
from ddag.serve import labels
from ddag.serve.searching import Searcher, Source
from ddag.settings.choices import Modality

HEIGHT, WIDTH = 64, 32


@dataclass(frozen=True)
class InMemory:
    """An index without a file."""

    names: Sequence[str]
    values: np.ndarray
    exact: ClassVar[bool] = True

    def __len__(self) -> int:
        return len(self.names)

    def search(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        distances = cosine_distance(query, self.values)
        rows = np.stack([nearest(each)[:count] for each in distances])
        return rows, np.take_along_axis(distances, rows, axis=1)

    def features(self, rows: np.ndarray) -> np.ndarray:
        return self.values[rows]


def colours(pixels: np.ndarray, modality: Modality) -> np.ndarray:
    """A feature that needs no network: where an image has which colour."""
    small = resize(pixels, height=8, width=4).astype(np.float32).ravel() + 1
    return small / np.linalg.norm(small)


def take(
    root: Path, *, people: int = 6, cameras: Sequence[int] = (1, 2), images: int = 2, seed: int = 0
) -> None:
    """Have visible cameras photograph generated people; the names tell camera and time."""
    for person in range(1, people + 1):
        for camera in cameras:
            for number in range(1, images + 1):
                name = f"cam{camera}/2024-05-{person:02}_13-{camera:02}-{number:02}.png"
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                shot = Shot(name, person, camera, number, Modality.visible)
                photograph(random_person(seed, person), shot, seed=seed).save(path)


def index(root: Path) -> InMemory:
    names = [each.name for each in image_folder.list_images(root)]
    paths = [str(root / name) for name in names]
    images = read_images(paths, height=HEIGHT, width=WIDTH)
    return InMemory(names, np.stack([colours(each, Modality.visible) for each in images]))


def searcher(root: Path, *, most_pixels: int = 1 << 20) -> Searcher:
    gallery = index(root)
    source = Source(colours, HEIGHT, WIDTH, most_pixels)
    return Searcher(root, gallery, labels.read(root, gallery.names), source)
