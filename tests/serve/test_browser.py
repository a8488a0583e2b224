"""The search page in a real Chromium: used by hand, wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromium
import galleries
import numpy as np
import pytest
from chromium import Page
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra serve")

from ddag.serve import server
from ddag.serve.app import Limits, create
from ddag.serve.guard import Guard
from ddag.settings.choices import Modality

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.program() is None, reason="no Chromium here"),
]
TOKEN = "a-token-of-some-length"
CARDS = "document.querySelectorAll('#results li')"
STATUS = "document.getElementById('status').textContent"


@pytest.fixture(scope="module")
def address(gallery: Path) -> Iterator[str]:
    """Of a server that wants a token."""
    limits = Limits(1 << 20, 600)
    app = create(galleries.searcher(gallery), Modality.visible, limits, token=True)
    bound = server.bind("127.0.0.1", 0)
    with server.running(Guard(app, hosts=(), token=TOKEN), bound):
        yield server.address(bound, "127.0.0.1", None)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium.browsing(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser: Page, address: str) -> Page:
    """The page, opened as the server's first line says."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.show(width=1400, height=900)
    browser.open(f"{address}#token={TOKEN}")
    browser.wait("document.querySelectorAll('#camera-chips label').length === 2")
    return browser


def names(page: Page) -> list[str]:
    found: list[str] = page.run(
        f"[...{CARDS}].map((each) => each.querySelector('.name').innerText)"
    )
    return found


def search(page: Page, file: Path, found: int = 24) -> None:
    page.choose_file("#file", file)
    page.wait(f"{CARDS}.length === {found} && {STATUS}.includes('nearest')")


def test_an_image_is_searched_and_a_result_searched_on_with(page: Page, gallery: Path) -> None:
    name = "cam1/2024-05-03_13-01-01.png"
    search(page, gallery / name)
    assert names(page)[0] == name
    assert page.run(f"{CARDS}[0].querySelector('.said').textContent") == "10.000"
    second = names(page)[1]
    page.wait(f"{CARDS}[1].querySelector('img').naturalWidth > 0")  # it is shown
    page.run(f"{CARDS}[1].querySelector('button').click()")
    page.wait(f"{CARDS}.length === 23")
    assert page.run("document.getElementById('called').textContent") == second
    assert second not in names(page)
    page.wait("document.getElementById('query').naturalWidth > 0")
    page.run("document.getElementById('back').click()")
    page.wait(f"{CARDS}.length === 24")
    assert names(page)[0] == name
    assert page.complaints == []


def test_a_ranking_is_narrowed_and_widened_again(page: Page, gallery: Path) -> None:
    search(page, gallery / "cam1/2024-05-03_13-01-01.png")
    page.run("document.querySelector('#camera-chips label:last-child').click()")
    page.wait(f"{CARDS}.length === 12")
    assert all(name.startswith("cam2/") for name in names(page))
    script = "(id, value) => {{ const box = document.getElementById(id); box.value = value;"
    script += " box.dispatchEvent(new Event('change', {{bubbles: true}})); }}"
    page.run(f"({script.format()})('since', '2024-05-05T00:00:00')")
    page.wait(f"{CARDS}.length === 4")
    page.run("document.getElementById('clear').click()")
    page.wait(f"{CARDS}.length === 24")
    assert page.complaints == []


def test_a_list_is_downloaded_as_a_table(page: Page, gallery: Path, tmp_path: Path) -> None:
    page("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    search(page, gallery / "cam1/2024-05-03_13-01-01.png")
    page.run("document.getElementById('export').click()")
    file = tmp_path / "ranking.csv"
    for _ in range(100):
        if file.exists():
            break
        page.wait("new Promise((go) => setTimeout(() => go(true), 50))")
    assert len(file.read_text().splitlines()) == 25
    assert page.complaints == []


def test_what_is_no_image_is_said_in_words_and_not_as_markup(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=document.title=1>.png"
    file.write_bytes(b"no image")
    page.choose_file("#file", file)
    page.wait(f"{STATUS}.includes('is not an image of JPEG')")
    assert page.run("document.title") == "Search a gallery"
    assert page.run("document.getElementById('called').textContent") == file.name
    large = tmp_path / "large.png"
    large.write_bytes(bytes((1 << 20) + 1))
    page.choose_file("#file", large)
    page.wait(f"{STATUS}.includes('holds more than 1 MB')")


def test_nobody_else_is_asked_and_the_token_is_in_no_address(
    page: Page, address: str, gallery: Path
) -> None:
    search(page, gallery / "cam1/2024-05-03_13-01-01.png")
    page.wait("[...document.querySelectorAll('#results img')].some((each) => each.naturalWidth)")
    own = (address, "blob:", "data:", "about:blank")  # a calendar is drawn from data
    assert [each for each in page.requests if not each.startswith(own)] == []
    assert [each for each in page.requests if TOKEN in each] == []
    assert TOKEN not in page.run("location.href")
    assert page("Network.getCookies")["cookies"] == []


def test_without_a_token_the_page_asks_for_it(page: Page, address: str) -> None:
    page.run("sessionStorage.clear()")
    page.open(address)
    page.wait("document.getElementById('gate').open")
    for token, wrong in (("wrong", True), (TOKEN, False)):
        page.run(f"document.getElementById('token').value = '{token}'")
        page.run("document.querySelector('#key button').click()")
        page.wait(f"document.getElementById('gate').open === {str(wrong).lower()}")
    page.wait("document.getElementById('about').textContent.startsWith('24 visible images')")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_fits_and_has_the_schemes_colours(
    page: Page, gallery: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    page.show(width=width, height=900, dark=dark)
    search(page, gallery / "cam1/2024-05-03_13-01-01.png")
    assert page.run("document.documentElement.scrollWidth") == width
    page.save(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as image:
        assert image.size == (width, 900)
        corner = np.asarray(image.convert("L"))[-40:-5, :8]
    assert corner.mean() < 60 if dark else corner.mean() > 200


def test_programs_find_what_can_be_asked(page: Page, address: str) -> None:
    page.open(f"{address}docs")
    page.wait("document.querySelectorAll('#listing section').length === 7")
    assert "/api/search/{row}" in page.run("document.body.innerText")
    assert page.complaints == []
