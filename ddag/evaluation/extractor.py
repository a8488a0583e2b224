"""Images through a network that learns nothing: features to rank by, and what it looks at.

Shapes: N images, B of them in a batch, C channels, h x w last feature map, P parts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from mindspore import Tensor, nn, ops

from ddag.data.images import read_images
from ddag.data.loader import batches_in_order, in_batches
from ddag.data.records import Records
from ddag.evaluation.ranking import Features
from ddag.model.network import TwoStreams
from ddag.settings.choices import Modality

# A batch ``(B, 3, H, W)`` of normalised images to what is said of each, arrays of B rows.
Run = Callable[[np.ndarray], Sequence[np.ndarray]]


class FeatureStream(nn.Cell):
    """One modality's images to the network's test features."""

    def __init__(self, network: TwoStreams, modality: Modality) -> None:
        # A parameter keeps the name it has in the network: checkpoints are written by name.
        super().__init__(auto_prefix=False)
        self.network = network
        self.stem = network.backbone.stream(modality)
        self.shared = network.backbone.shared
        self.normalise = ops.L2Normalize(axis=1)
        self.set_train(False)

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        """Features of length 1, in the method's order, each ``(B, C)``.

        Args:
            images: ``(B, 3, H, W)`` normalised.
        """
        features = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
        for each in self.network.embed(self.shared(self.stem(images))):
            features = features + (self.normalise(each),)  # noqa: RUF005, MindSpore 1.10
        return features


class LookStream(FeatureStream):
    """One modality's images to what the network looks at in them."""

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        """See ``Network.look``."""
        return self.network.look(self.shared(self.stem(images)))


@dataclass(frozen=True)
class Size:
    """How images go through a network: ``height`` and ``width`` in pixels, ``batch`` at a time."""

    height: int
    width: int
    batch: int


class Extraction(ABC):
    """Gives features of images, whatever it is that computes them."""

    def __init__(self, names: Sequence[str], size: Size, *, flip: bool = False) -> None:
        """Say what comes out and how.

        Args:
            names: of the test features.
            size: of images and batches.
            flip: average the features of each image and its mirror image.
        """
        self._names, self._size, self._flip = tuple(names), size, flip

    @abstractmethod
    def runner(self, modality: Modality) -> Run:
        """What gives features of length 1, each ``(B, C)``, of a batch of one modality."""

    def extract(
        self,
        paths: Sequence[str],
        modality: Modality,
        advance: Callable[[int], None] = lambda count: None,
    ) -> Features:
        """Features of images of one modality by name, each ``(N, C)`` float32 of length 1.

        Args:
            paths: of the images, one at least.
            modality: of all of them.
            advance: hears after each batch how many images it was.

        Raises:
            InputError: an image cannot be read.
        """
        decoded = read_images(paths, height=self._size.height, width=self._size.width)
        return self.extract_decoded(decoded, len(paths), modality, advance)

    def extract_decoded(
        self,
        decoded: Iterable[np.ndarray],
        count: int,
        modality: Modality,
        advance: Callable[[int], None] = lambda count: None,
    ) -> Features:
        """As ``extract``, of ``count`` images ``(height, width, 3)`` uint8 that are at hand."""
        batches = in_batches(decoded, count, batch=self._size.batch)
        run = self.runner(modality)
        columns = forward(run, batches, count, flip=self._flip, advance=advance)
        return dict(zip(self._names, columns))


class Extractor(Extraction):
    """Features by a network; its forward pass is compiled once for each modality."""

    def __init__(
        self, network: TwoStreams, names: Sequence[str], size: Size, *, flip: bool = False
    ) -> None:
        """Wrap a network.

        Args:
            network: its weights may change between extractions.
            names: see ``Extraction``, as are the others.
            size: of images and batches.
            flip: average with the mirror image.
        """
        super().__init__(names, size, flip=flip)
        self._network = network
        self._streams: dict[Modality, FeatureStream] = {}

    def runner(self, modality: Modality) -> Run:
        """See ``Extraction``."""
        if modality not in self._streams:
            self._streams[modality] = FeatureStream(self._network, modality)
        return _running(self._streams[modality])


class ExportedExtractor(Extraction):
    """Features by files that a network was exported to."""

    def __init__(
        self, files: Mapping[Modality, Run], names: Sequence[str], size: Size, *, flip: bool = False
    ) -> None:
        """Take the files.

        Args:
            files: one of each modality, opened.
            names: see ``Extraction``, as are the others.
            size: of images and batches.
            flip: average with the mirror image.
        """
        super().__init__(names, size, flip=flip)
        self._files = files

    def runner(self, modality: Modality) -> Run:
        """See ``Extraction``."""
        return self._files[modality]


@dataclass(frozen=True)
class Looks:
    """What a network looks at in N images.

    Attributes:
        activation: ``(N, h, w)``, what each place of the last map adds to the global feature.
        parts: ``(N, P, P)``, how much each part looks at each other; None without IWPA.
    """

    activation: np.ndarray
    parts: Optional[np.ndarray]


class Observer:
    """Reads attention; the forward pass is compiled once for each modality."""

    def __init__(self, network: TwoStreams, size: Size) -> None:
        self._network, self._size = network, size
        self._streams: dict[Modality, LookStream] = {}

    def look(self, records: Records) -> Looks:
        """What the network, with its weights as they are now, looks at.

        Raises:
            InputError: an image cannot be read.
        """
        modality = records.modality
        if modality not in self._streams:
            self._streams[modality] = LookStream(self._network, modality)
        size, paths = self._size, records.paths.tolist()
        batches = batches_in_order(paths, height=size.height, width=size.width, batch=size.batch)
        columns = forward(_running(self._streams[modality]), batches, len(records))
        return Looks(columns[0], columns[1] if len(columns) > 1 else None)

    @property
    def gate(self) -> Optional[np.ndarray]:
        """See ``Network.gate``."""
        return self._network.gate


def forward(
    run: Run,
    batches: Iterable[np.ndarray],
    count: int,
    *,
    flip: bool = False,
    advance: Callable[[int], None] = lambda count: None,
) -> list[np.ndarray]:
    """What is said of each image, one array of N rows for each output of ``run``.

    Args:
        run: on each batch.
        batches: ``(B, 3, H, W)`` each, the last filled up.
        count: of images, N.
        flip: average with the mirror image's; for vectors of length 1.
        advance: hears after each batch how many images it was.
    """
    parts: list[list[np.ndarray]] = []
    left = count
    for images in batches:
        held = min(left, len(images))  # the others are blank
        outputs = [each[:held] for each in run(images)]
        if flip:
            both = zip(outputs, run(np.ascontiguousarray(images[..., ::-1])))
            outputs = [_unit(one + other[:held]) for one, other in both]
        parts.append(outputs)
        advance(held)
        left -= held
    return [np.concatenate(column) for column in zip(*parts)]


def _running(stream: nn.Cell) -> Run:
    """A cell that learns nothing now, whatever its network did before."""
    stream.set_train(False)
    return lambda images: [each.asnumpy() for each in stream(Tensor(images))]


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Each row of ``(N, C)`` at length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
