"""How features lie to each other: distances by identity, and a map of them in two dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.manifold import TSNE

from ddag.drawing.figure import new_figure
from ddag.evaluation.ranking import Comparison, Sample
from ddag.settings.choices import Modality

BINS = 80
MARKERS = {Modality.visible: "o", Modality.infrared: "^"}
FEWEST = 4  # images that make a map


def draw_distances(compared: Comparison) -> Figure:
    """Histograms of the distances of same and of different identities, a plot for each feature."""
    names = list(compared.query_features)
    figure = new_figure(480 * len(names), 340)
    same = compared.matches
    different = ~(same | compared.excluded)
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names):
        distance = compared.distance(name)
        bins = np.histogram_bin_edges(distance, BINS)
        for title, chosen, colour in (
            ("same identity", same, "#1a9641"),
            ("different identities", different, "#d7191c"),
        ):
            values = distance[chosen]
            label = f"{title}: {len(values):,} pairs"
            axes.hist(values, bins, density=True, alpha=0.6, color=colour, label=label)
        top = 1.3 * axes.get_ylim()[1]  # leaves room for the legend
        axes.set(title=name, xlabel="distance (1 - cosine)", ylabel="density", ylim=(0, top))
        axes.legend(frameon=False, loc="upper right")
    return figure


def draw_map(sample: Sample, *, seed: int) -> Figure:
    """t-SNE of at least ``FEWEST`` images, a colour for each person, a mark for each modality.

    Args:
        sample: the images.
        seed: of t-SNE.

    Source:
        van der Maaten and Hinton, JMLR 9, 2008. Between vectors of length 1 Euclidean distances
        have the order of the cosine's.
    """
    perplexity = min(30.0, (len(sample.paths) - 1) / 3)
    places = TSNE(init="pca", learning_rate="auto", perplexity=perplexity, random_state=seed)
    points = places.fit_transform(sample.features)
    figure = new_figure(760, 640)
    axes = figure.subplots()
    people = np.unique(sample.identities)
    shades = colormaps["gist_ncar"](np.linspace(0.03, 0.92, len(people)))
    colours = shades[np.searchsorted(people, sample.identities)]
    for modality, marker in MARKERS.items():
        held = np.array([each is modality for each in sample.modalities])
        x, y = points[held].T
        axes.scatter(x, y, c=colours[held], marker=marker, s=26, linewidths=0)
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{len(points)} images of {len(people)} identities, a colour each")
    axes.legend(handles=[_mark(modality) for modality in MARKERS], frameon=False)
    return figure


def _mark(modality: Modality) -> Line2D:
    """An entry of the legend."""
    return Line2D(
        [], [], marker=MARKERS[modality], linestyle="", color="grey", label=modality.value
    )
