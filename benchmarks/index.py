"""A gallery's index: exact, by its lists, and by libraries that search approximately.

``python -m benchmarks.index`` takes the disk for the largest features three times over, and half an
hour: hours with usearch and hnswlib, which link a million images one after the other.
``python -m benchmarks.index IMAGES CHANNELS...`` only prints. Libraries that are not installed are
left out.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Callable, NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.report import Row
from ddag.data.image_folder import Entry
from ddag.gallery.keeping import Keeper, Listing

FIRST = 10  # that a query asks for
QUERIES = 100
SPREAD = 64  # directions in which people differ: a network's features fill few of its channels
IMAGES_OF_ONE = 10
WIDEST = 1024  # channels of features up to which other libraries are measured
BLOCK = 10_000  # images that are drawn or added at a time

Search = Callable[[np.ndarray], np.ndarray]  # rows of the first of each query


class Built(NamedTuple):
    """A way to search, made ready.

    Attributes:
        search: ``(Q, C)`` queries to ``(Q, FIRST)`` rows.
        note: more that was measured while it was built.
    """

    search: Search
    note: str = ""


class Measured(NamedTuple):
    """What a way to search takes."""

    build: float  # seconds
    memory: float  # GB that the process holds beside mapped files, more than before
    one: float  # seconds of a query
    together: float  # seconds of a query, of QUERIES at once
    rows: np.ndarray  # (Q, FIRST)
    note: str


def draw(count: int, channels: int, *, seed: int) -> Iterator[np.ndarray]:
    """Features of people of some images each, ``(n, C)`` at a time, by the same network."""
    mixing = np.random.default_rng(0).standard_normal((SPREAD, channels), np.float32)
    generator = np.random.default_rng(seed)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        people = generator.standard_normal((-(-size // IMAGES_OF_ONE), SPREAD), np.float32)
        within = generator.standard_normal((size, SPREAD), np.float32)
        noise = generator.standard_normal((size, channels), np.float32)
        values = (np.repeat(people, IMAGES_OF_ONE, 0)[:size] + 0.5 * within) @ mixing + noise
        yield values / np.linalg.norm(values, axis=1, keepdims=True)


def exact(features: np.ndarray, place: Path, *, dtype: str) -> Built:
    """The framework's own index, on disk."""
    keeper = Keeper(place, "key", features.shape[1], np.dtype(dtype), required=True)
    return kept(keeper, features)


def listed(features: np.ndarray, place: Path, *, probes: int) -> Built:
    """The framework's own index by its lists, made of what the exact one left, in float16.

    All but the first of these find the lists that it made: to be built takes them what shrinking by
    an image does.
    """
    from ddag.gallery import clustering, lists

    clustering.LEAST, lists.PROBES = 1, probes
    dtype = np.dtype(np.float16)
    keeper = Keeper(place, "key", features.shape[1], dtype, True, Listing.made)
    built = kept(keeper, features, Listing.searched)
    return built._replace(note=f"{probes} lists read; {built.note}")


def kept(keeper: Keeper, features: np.ndarray, listing: Listing = Listing.kept) -> Built:
    """An index made by a keeper and opened: how long that takes, and to grow, too."""
    from ddag.gallery import keeping

    def none(paths: Sequence[str], *, advance: Any = None) -> list[tuple[str, str]]:
        return []

    # The images are not there: what is measured begins where their features are at hand.
    keeping.image_files.unreadable = none
    held = [Entry(f"{row:09}.png", 1, 1) for row in range(len(features))]

    def extract(paths: list[str], advance: Any) -> np.ndarray:
        return np.array(features[[int(Path(path).stem) for path in paths]])

    keeper.update(Path("gallery"), held[:-1], extract)
    keeper = replace(keeper, listing=listing)
    opening, _ = timed(lambda: keeper.update(Path("gallery"), held[:-1], extract))
    growing, index = timed(lambda: keeper.update(Path("gallery"), held, extract))
    size = sum(file.stat().st_size for file in keeper.place.rglob("*")) / 1e9
    note = f"{size:.3g} GB on disk; {opening:.3g} s to open, {growing:.3g} s to add an image"
    return Built(lambda query: index.search(query, FIRST)[0], note)


def inverted(features: np.ndarray, place: Path, *, probes: int) -> Built:
    """faiss: features in float16, in lists around centres, of which a query reads the nearest."""
    import faiss

    lists = max(1, round(4 * len(features) ** 0.5))
    centres = faiss.IndexFlatIP(features.shape[1])
    kind = faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexIVFScalarQuantizer(
        centres, features.shape[1], lists, kind, faiss.METRIC_INNER_PRODUCT, False
    )
    index.cp.niter = 10
    rows = np.sort(np.random.default_rng(0).permutation(len(features))[: 64 * lists])
    index.train(np.array(features[rows]))
    for start in range(0, len(features), BLOCK):
        index.add(np.array(features[start : start + BLOCK]))
    index.nprobe = min(probes, lists)
    note = f"{lists:,} lists, {index.nprobe} read"
    return Built(lambda query: index.search(query, FIRST)[1], note)


def graph_of_usearch(features: np.ndarray, place: Path) -> Built:
    """usearch: a graph of neighbours in layers (HNSW), features in float16."""
    from usearch.index import Index

    index = Index(
        ndim=features.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=128,
        expansion_search=128,
    )  # fmt: skip
    for start in range(0, len(features), BLOCK):
        block = np.array(features[start : start + BLOCK])
        index.add(np.arange(start, start + len(block)), block)
    return Built(lambda query: np.atleast_2d(index.search(query, FIRST).keys), "16 links, 128 seen")


def graph_of_hnswlib(features: np.ndarray, place: Path) -> Built:
    """hnswlib: a graph of neighbours in layers (HNSW), features in float32."""
    import hnswlib

    index = hnswlib.Index("ip", features.shape[1])
    index.init_index(len(features), ef_construction=128, M=16)
    for start in range(0, len(features), BLOCK):
        index.add_items(np.array(features[start : start + BLOCK]))
    index.set_ef(128)
    return Built(lambda query: index.knn_query(query, FIRST)[0], "16 links, 128 seen")


Build = Callable[[np.ndarray, Path], Built]
# By the package that each needs.
OWN: Mapping[str, tuple[str, Build]] = {
    "exact, float32": ("numpy", partial(exact, dtype="float32")),
    "exact, float16": ("numpy", partial(exact, dtype="float16")),
    "its lists, 16 of them read": ("faiss", partial(listed, probes=16)),
    "its lists, 64 of them read": ("faiss", partial(listed, probes=64)),
    "its lists, 128 of them read": ("faiss", partial(listed, probes=128)),
}
OTHERS: Mapping[str, tuple[str, Build]] = {
    "faiss, lists, 16 of them read": ("faiss", partial(inverted, probes=16)),
    "faiss, lists, 64 of them read": ("faiss", partial(inverted, probes=64)),
    "usearch, graph": ("usearch", graph_of_usearch),
    "hnswlib, graph": ("hnswlib", graph_of_hnswlib),
}


def measure(images: int = 1_000_000, channels: Sequence[int] = (512, 2048)) -> list[Row]:
    """The index of a gallery: exact, by its lists, and by libraries that search approximately"""
    rows = []
    for width in channels:
        with TemporaryDirectory(dir=Path.cwd()) as name:
            file = Path(name) / "drawn.npy"
            write(file, images, width)
            # What a library copies and trains on grows with the channels.
            ways = OWN if width > WIDEST else {**OWN, **OTHERS}
            found = {
                way: in_a_process(build, file, Path(name) / "index")
                for way, (package, build) in ways.items()
                if importlib.util.find_spec(package)
            }
        right = found["exact, float32"].rows
        for way, each in found.items():
            rows.append(Row(f"{images:,} features of {width:,}: {way}", _said(each, right)))
    return rows


def write(file: Path, images: int, channels: int) -> None:
    """Draw a gallery into a file, a part at a time."""
    values = np.lib.format.open_memmap(file, "w+", np.float32, (images, channels))
    start = 0
    for block in draw(images, channels, seed=1):
        values[start : start + len(block)] = block
        start += len(block)
    values.flush()


def in_a_process(build: Build, file: Path, place: Path) -> Measured:
    """What a way to search takes in a process of its own."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_live, args=(build, file, place, far))
    process.start()
    far.close()
    try:
        found: Measured = near.recv()
    finally:
        process.join()
    return found


def _live(build: Build, file: Path, place: Path, end: Connection) -> None:
    features = np.load(file, mmap_mode="r")
    # The gallery's people, otherwise: a query's own are among those that it is to find.
    noise = np.random.default_rng(2).standard_normal((QUERIES, features.shape[1]), np.float32)
    chosen = np.linspace(0, len(features) - 1, QUERIES).astype(int)
    query = features[chosen] + noise * np.float32(0.3 / features.shape[1] ** 0.5)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    before = _held()
    seconds, built = timed(lambda: build(features, place))
    memory = _held() - before
    built.search(query[:1])
    each = [timed(partial(built.search, query[row : row + 1]))[0] for row in range(20)]
    together, rows = timed(lambda: built.search(query))
    end.send(
        Measured(seconds, memory, median(each), together / QUERIES, np.asarray(rows), built.note)
    )
    end.close()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def _held() -> float:
    """GB of this process beside the files that it has mapped."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) / 1e6


def _said(found: Measured, right: np.ndarray) -> str:
    hits = [len(set(one) & set(other)) for one, other in zip(found.rows.tolist(), right.tolist())]
    return (
        f"built in {found.build:,.3g} s; holds {found.memory:.2g} GB; a query"
        f" {1000 * found.one:,.3g} ms, {1000 * found.together:,.3g} of {QUERIES} at once;"
        f" {sum(hits) / right.size:.1%} of the first {FIRST} found; {found.note}"
    )


if __name__ == "__main__":
    if given := [int(each) for each in sys.argv[1:]]:
        report.show("index", measure(given[0], given[1:] or [512]))
    else:
        report.run("index", measure)
