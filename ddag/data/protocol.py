"""The rules by which a data set is ranked: what a query passes over, what the CMC counts."""

# Q queries, G gallery images.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ddag.data.records import Records


@dataclass(frozen=True)
class Protocol:
    """The rules of a data set's ranking.

    Attributes:
        excluded: of query and gallery, ``(Q, G)`` bool: the gallery images that a query passes
            over as if they were not there.
        cmc_counts: what a rank of the CMC is: one image, or one identity, however many images of
            it stand there.
    """

    excluded: Callable[[Records, Records], np.ndarray]
    cmc_counts: Literal["images", "identities"]


def exclude_nothing(query: Records, gallery: Records) -> np.ndarray:
    """``(Q, G)`` bool: a query passes over no image."""
    return np.zeros((len(query), len(gallery)), bool)


def exclude_camera(query: Records, gallery: Records) -> np.ndarray:
    """``(Q, G)`` bool: a query passes over all images by its own camera."""
    return query.cameras[:, None] == gallery.cameras


def exclude_identity_and_camera(query: Records, gallery: Records) -> np.ndarray:
    """``(Q, G)`` bool: a query passes over the images of its own identity by its own camera.

    Source:
        Zheng et al., ICCV 2015 (Market-1501), and most data sets of one modality since.
    """
    return (query.identities[:, None] == gallery.identities) & exclude_camera(query, gallery)
