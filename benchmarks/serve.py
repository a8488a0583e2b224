"""The search page under load: many clients at once, on a gallery of random features.

The clients are threads of the server's own process, which is slower than if they were others: each
sends an image, which is decoded and resized; no network is run.
"""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import report
from benchmarks.report import Row
from ddag.gallery.index import Index
from ddag.people.generate import sheet
from ddag.serve import labels, server
from ddag.serve.app import Limits, create
from ddag.serve.guard import Guard
from ddag.serve.searching import Searcher, Source
from ddag.settings.choices import Modality

HEIGHT, WIDTH = 288, 144
HOST = "127.0.0.1"
PLACE = "/api/search?modality=infrared&count=50"


def measure(
    clients: int = 200, rounds: int = 5, images: int = 100_000, channels: int = 2048
) -> list[Row]:
    """The page to search with: 200 clients at once on 100,000 random features of 2,048 numbers"""
    content = upload()
    rows = []
    with served(images, channels) as port:
        alone = [search(port, content)[0] for _ in range(10)]
        rows.append(Row("one client alone: median seconds", f"{np.median(alone):.3f}"))
        taken, wrong, whole = load(port, content, clients=clients, rounds=rounds)
    count = clients * rounds
    rows.append(Row.at_most(f"errors of {count:,} searches", wrong, 0))
    for share in (50, 95, 100):
        seconds = float(np.percentile(taken, share))
        name = {50: "median", 95: "95th percentile", 100: "longest"}[share]
        rows.append(Row(f"{clients} clients: {name}, seconds", f"{seconds:.2f}"))
    rows.append(Row(f"{clients} clients: searches a second", f"{count / whole:.0f}"))
    return rows


def load(
    port: int, content: bytes, *, clients: int, rounds: int
) -> tuple[Sequence[float], int, float]:
    """Seconds of each search, how many failed, and the seconds of all; so many at a time."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(lambda _: search(port, content), range(clients * rounds)))
    whole = time.perf_counter() - begun
    return [seconds for seconds, _ in found], sum(not right for _, right in found), whole


def search(port: int, content: bytes) -> tuple[float, bool]:
    """Seconds of a search, and whether it was answered."""
    begun = time.perf_counter()
    try:
        with closing(http.client.HTTPConnection(HOST, port, timeout=120)) as connection:
            connection.request("POST", PLACE, content, {"Content-Type": "image/png"})
            answer = connection.getresponse()
            right = answer.status == 200 and b'"rank":50' in answer.read()
    except OSError:
        right = False
    return time.perf_counter() - begun, right


@contextmanager
def served(images: int, channels: int) -> Iterator[int]:
    """The port of a server whose queries' features are random, too: no network is run."""
    generator = np.random.default_rng(0)
    values = generator.standard_normal((images, channels), np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    names = [f"cam{row % 6}/{row:06}.png" for row in range(images)]

    def extract(pixels: np.ndarray, modality: Modality) -> np.ndarray:
        drawn: np.ndarray = values[int(pixels.sum()) % images]
        return drawn

    root = Path("nowhere")
    source = Source(extract, HEIGHT, WIDTH, 1 << 24)
    searcher = Searcher(root, Index(names, values), labels.read(root, names), source)
    app = create(searcher, Modality.visible, Limits(1 << 24, 1e6))
    bound = server.bind(HOST, 0)
    with server.running(Guard(app, hosts=[HOST], token=None), bound):
        yield int(bound.getsockname()[1])


def upload() -> bytes:
    """An image of a generated person as a file."""
    file = io.BytesIO()
    sheet(identities=1, images=1, seed=0).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(
        file, "PNG"
    )
    return file.getvalue()


if __name__ == "__main__":
    report.run("serve", measure)
