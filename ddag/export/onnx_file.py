"""A network as ONNX: written, and run by onnxruntime.

Shapes: B images of H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ddag.data.normalising import DEVIATION, MEAN, denormalise
from ddag.export.graph import Graph, Value
from ddag.export.label import INPUT, Label
from ddag.export.networks import features
from ddag.machine import packages
from ddag.machine.border import taking
from ddag.machine.errors import InputError
from ddag.machine.reading import read_plain, why_not
from ddag.machine.words import printable, shortened
from ddag.model.network import TwoStreams
from ddag.settings.choices import Modality

MOST = (1 << 31) - 1  # bytes: protobuf has no larger file
_WANTED = "network that job=export wrote"
_REMEDY = "export the checkpoint anew"


def refuse_missing(setting: str) -> None:
    """Refuse what needs ONNX where it is not installed.

    Args:
        setting: that asks for it, with its value.

    Raises:
        InputError: it is not.
    """
    packages.refuse_missing(setting, ("onnx", "onnxruntime"), extra="export")


def write(path: Path, network: TwoStreams, label: Label) -> None:
    """Write one modality's way through a network.

    Args:
        path: of the file.
        network: its weights are written.
        label: what the file is to say of itself, and to take in.

    Raises:
        InputError: the network holds a cell that has no counterpart.
        OSError: the file cannot be written.
    """
    from onnx import checker, helper

    graph = Graph()
    images = Value(INPUT, label.shape)
    normalised = _normalise(graph, images) if label.pixels else images
    outputs = dict(zip(label.features, features(network, label.modality, graph, normalised)))
    model = graph.model(images, outputs, pixels=label.pixels)
    helper.set_model_props(model, label.words)
    checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


class OnnxFile:
    """A file that ``write`` wrote, run on batches."""

    def __init__(self, path: Path, label: Label, *, threads: Optional[int] = None) -> None:
        """Open a file.

        Args:
            path: of the file.
            label: what it must say of itself, but for ``pixels``.
            threads: to compute on; None: the physical cores.

        Raises:
            InputError: it cannot be read, is something else, or says another thing.
        """
        import onnxruntime

        self._path, self._names = path, list(label.features)
        content = _read(path)
        with taking(path, _WANTED, _REMEDY):
            self._pixels = _check(content, label)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4  # what goes wrong is raised, too
            options.intra_op_num_threads = threads or 0
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Features in the method's order, each of B rows, of ``(B, 3, H, W)`` normalised images.

        Raises:
            InputError: it cannot be run on them, or gives something else.
        """
        given = denormalise(images) if self._pixels else images
        with taking(self._path, _WANTED, _REMEDY):
            found: list[np.ndarray] = self._session.run(self._names, {INPUT: given})
            for name, each in zip(self._names, found):
                fits = isinstance(each, np.ndarray) and each.dtype == np.float32
                if not fits or each.ndim != 2 or len(each) != len(images):
                    raise ValueError(f"{name} is no row of numbers for each image")
        return found


def open_folder(
    folder: Path, labels: Mapping[Modality, Label], *, threads: Optional[int] = None
) -> dict[Modality, OnnxFile]:
    """The file of each modality that ``job=export`` wrote into a folder; see ``OnnxFile``.

    Raises:
        InputError: one cannot be read, is something else, or of another checkpoint.
    """
    return {
        modality: OnnxFile(folder / f"{modality}.onnx", label, threads=threads)
        for modality, label in labels.items()
    }


def _normalise(graph: Graph, pixels: Value) -> Value:
    """``(B, H, W, 3)`` uint8 to ``(B, 3, H, W)`` float32, as ``data.loader.normalise`` does it."""
    from onnx import TensorProto

    height, width, _ = pixels.shape
    mean, deviation = (np.array(values, np.float32) * 255 for values in (MEAN, DEVIATION))
    x = graph.add("Cast", pixels, shape=pixels.shape, to=TensorProto.FLOAT)
    x = graph.add("Sub", x, mean, shape=x.shape)
    x = graph.add("Div", x, deviation, shape=x.shape)
    return graph.add("Transpose", x, shape=(3, height, width), perm=[0, 3, 1, 2])


def _read(path: Path) -> bytes:
    try:
        return read_plain(path, most=MOST)
    except (OSError, ValueError) as error:
        reason = shortened(why_not(error), 200)
        raise InputError(
            f"{printable(path)}: {reason}; name a folder that job=export wrote"
        ) from error


def _check(content: bytes, label: Label) -> bool:
    """Whether the file takes pixels; raises ValueError if it says another thing than the label."""
    import onnx

    model = onnx.load_model_from_string(content)
    if any(each.external_data or each.data_location for each in _tensors(model.graph)):
        raise ValueError("it has weights in another file")
    found = {each.key: each.value for each in model.metadata_props}
    wanted = label.words
    pixels = found.get("input") == Label(**{**vars(label), "pixels": True}).words["input"]
    for key in wanted.keys() - {"input"}:
        if found.get(key) != wanted[key]:
            said = f"{key} is {found.get(key)}, the checkpoint's {wanted[key]}"
            raise ValueError(said)
    return pixels


def _tensors(graph: Any) -> Iterator[Any]:
    """All that the graph and those inside of it hold."""
    yield from graph.initializer
    for each in graph.sparse_initializer:
        yield from (each.values, each.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)
