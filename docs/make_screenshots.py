"""Take pictures of pages in Chromium: files, or addresses such as a running TensorBoard's.

python docs/make_screenshots.py FOLDER PAGE ...           wide and narrow, light and dark
python docs/make_screenshots.py docs REPORT TENSORBOARD METHODS   those in docs/, anew

REPORT and METHODS are a report.html of sweep=branches and of sweep=methods, TENSORBOARD an address
such as http://127.0.0.1:6006/#images
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
SIZES = ((1400, 2600), (390, 3200))  # width and height of the window, in pixels
IN_DOCS = {"report": (1140, 1440), "tensorboard": (1400, 690), "methods_report": (1140, 800)}
SCHEMES = {"light": "1", "dark": "0"}  # Chromium's numbers
PATIENCE = 15000  # milliseconds of the page's own clock, for what it loads


def main(folder: Path, pages: list[str]) -> None:
    """Write ``<page>_<width>_<scheme>.png`` into the folder for each page, or those of the docs."""
    if folder.resolve() == DOCS.resolve():
        for page, (name, size) in zip(pages, IN_DOCS.items()):
            take(page, DOCS / f"{name}.png", size, "light")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        name = re.sub(r"\W+", "_", page) if "://" in page else Path(page).stem
        for size in SIZES:
            for scheme in SCHEMES:
                take(page, folder / f"{name}_{size[0]}_{scheme}.png", size, scheme)


def take(page: str, target: Path, size: tuple[int, int], scheme: str) -> None:
    """Write one picture."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("chromium: is not installed; apt-get install chromium")
    address = page if "://" in page else Path(page).resolve().as_uri()
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--hide-scrollbars",
                f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}",
                f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
                f"--virtual-time-budget={PATIENCE}", f"--screenshot={target.resolve()}", address,
            ],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    print(target)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
