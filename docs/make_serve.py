"""Writes docs/serve.png, the page to search with: python docs/make_serve.py CHECKPOINT.

The checkpoint is of a network that was trained on generated people; those that are shown have other
seeds than it has seen.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "tests")]

import chromium  # noqa: E402
import galleries  # noqa: E402
from PIL import Image  # noqa: E402

from ddag.people.crew import photograph  # noqa: E402
from ddag.people.layout import Shot  # noqa: E402
from ddag.people.person import random_person  # noqa: E402
from ddag.settings.choices import Modality  # noqa: E402

SEED = 1000
SIZE = (1140, 760)
SHOWN = "[...document.querySelectorAll('#results img')].slice(0, 12).every((each) => each.complete)"


def main(checkpoint: Path) -> None:
    """Start the server, search for somebody at night, and take a picture of what is found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        galleries.take(folder / "archive", people=30, cameras=(1, 2, 4), images=2, seed=SEED)
        night = folder / "night.png"
        shot = Shot(night.name, 7, 3, 1, Modality.infrared)
        photograph(random_person(SEED, 7), shot, seed=SEED).save(night)
        words = ["job=serve", f"checkpoint={checkpoint.resolve()}", "job.gallery=archive",
                 "job.gallery_modality=visible", "job.port=0"]  # fmt: skip
        with subprocess.Popen(
            [sys.executable, str(DOCS.parent / "run.py"), *words],
            cwd=folder, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                take(address(process), night, folder / "profile")
            finally:
                process.terminate()


def address(process: subprocess.Popen[str]) -> str:
    """What the server says is to be opened."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.match(r"Open (\S+)", line):
            return found[1]
    sys.exit("the server did not start")


def take(place: str, query: Path, profile: Path) -> None:
    """Write the picture."""
    with chromium.browsing(profile) as page:
        page.show(width=SIZE[0], height=SIZE[1])
        page.open(place)
        page.wait("document.querySelectorAll('#camera-chips label').length")
        page.choose_file("#file", query)
        page.wait(f"document.querySelectorAll('#results li').length && {SHOWN}")
        page.wait("new Promise((go) => setTimeout(() => go(true), 1000))")
        page.save(DOCS / "serve.png")
    with Image.open(DOCS / "serve.png") as image:
        image.convert("RGB").quantize(256).save(DOCS / "serve.png", optimize=True)
    print(DOCS / "serve.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
