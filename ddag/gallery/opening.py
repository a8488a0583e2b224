"""The index of a folder's images by a checkpoint, which is kept beside it."""

# C channels.

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from ddag.data.image_folder import Entry
from ddag.evaluation.extractor import Extraction
from ddag.gallery.index import Index
from ddag.gallery.keeping import Keeper, Listing
from ddag.settings.choices import Modality
from ddag.training import checkpoint
from ddag.training.restore import Restored

FOLDER = "galleries"  # beside the checkpoint


def open_index(
    stored: Restored,
    extractor: Extraction,
    root: Path,
    held: Sequence[Entry],
    modality: Modality,
    *,
    channels: Optional[int] = None,
    dtype: Optional[np.dtype] = None,
    required: bool = False,
    listing: Listing = Listing.kept,
) -> Index:
    """The index of a gallery as its folder is now; only what is new there is extracted.

    Args:
        stored: the checkpoint.
        extractor: gives its features, of its network or of the files that it was exported to.
        root: the folder.
        held: its images, of ``image_folder.list_images``.
        modality: of all of them.
        channels: C, if the caller has a feature; None: that of a blank image is extracted.
        dtype: see ``Keeper``.
        required: see ``Keeper``.
        listing: see ``Keeper``.

    Raises:
        InputError: see ``Keeper.update``.
    """
    feature = main_feature(stored)

    def extract(paths: list[str], advance: Callable[[int], None]) -> np.ndarray:
        return extractor.extract(paths, modality, advance)[feature]

    if channels is None:
        data = stored.settings.data
        blank = np.zeros((data.height, data.width, 3), np.uint8)
        channels = extractor.extract_decoded([blank], 1, modality)[feature].shape[1]
    place, key = _place(stored, root, modality)
    return Keeper(place, key, channels, dtype, required, listing).update(root, held, extract)


def main_feature(stored: Restored) -> str:
    """The name of the feature that images are searched by."""
    return stored.method.features[-1]


def _place(stored: Restored, root: Path, modality: Modality) -> tuple[Path, str]:
    """The folder of a gallery's index, and what its features depend on."""
    data = stored.settings.data
    key = {
        "checkpoint": checkpoint.sha256(stored.path),
        "feature": main_feature(stored),
        "height": data.height,
        "width": data.width,
        "modality": modality.value,
        "flip": data.flip_test,
    }
    place = hashlib.sha256(f"{root.resolve()} {modality.value}".encode("utf-8", "replace"))
    name = f"{stored.path.stem}_{place.hexdigest()[:16]}"
    return stored.path.parent / FOLDER / name, json.dumps(key)
