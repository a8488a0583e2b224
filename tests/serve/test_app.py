"""What is asked of the search page, and what it answers."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any, Callable

import galleries
import numpy as np
import pytest
from PIL import Image

from ddag.gallery import lists
from ddag.gallery.approximate import ListedIndex

pytest.importorskip("fastapi", reason="needs the extra serve")

SEARCH = "/api/search?modality=visible"
AS_IMAGE = {"content-type": "image/png"}


def encoded(image: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **how)
    return file.getvalue()


@pytest.fixture
def first(gallery: Path) -> bytes:
    return (gallery / "cam1" / "2024-05-03_13-01-01.png").read_bytes()


def post(client: Any, content: bytes, place: str = SEARCH, **headers: str) -> Any:
    return client.post(place, content=content, headers={**AS_IMAGE, **headers})


def refused(answer: Any, status: int, said: str) -> None:
    """It is one line of JSON, of a status, and says this."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


# Searching.


def test_an_image_of_the_gallery_finds_itself_first(client: Any, first: bytes) -> None:
    found = post(client, first).json()
    assert found["searched"] == len(found["results"]) == 24
    assert found["results"][0] == {
        "rank": 1,
        "row": found["results"][0]["row"],
        "distance": 0.0,
        "name": "cam1/2024-05-03_13-01-01.png",
        "camera": "1",
        "time": "2024-05-03T13:01:01",
    }
    distances = [each["distance"] for each in found["results"]]
    assert distances == sorted(distances)
    assert [each["rank"] for each in found["results"]] == list(range(1, 25))


def test_a_result_is_searched_on_with_and_does_not_find_itself(client: Any, first: bytes) -> None:
    by_image = post(client, first).json()["results"]
    found = client.get(f"/api/search/{by_image[0]['row']}").json()
    assert found["searched"] == 23
    assert [each["row"] for each in found["results"]] == [each["row"] for each in by_image[1:]]
    assert found["results"][0]["rank"] == 1


@pytest.mark.parametrize("count", [1, 5, 23, 1000])
def test_so_many_are_found_as_asked_for(client: Any, first: bytes, count: int) -> None:
    by_image = post(client, first, f"{SEARCH}&count={count}").json()["results"]
    assert len(by_image) == min(count, 24)
    by_row = client.get(f"/api/search/0?count={count}").json()["results"]
    assert len(by_row) == min(count, 23)


@pytest.mark.parametrize(
    ("words", "searched"),
    [
        ("camera=1", 12),
        ("camera=1&camera=2", 24),
        ("since=2024-05-05T00:00:00", 8),
        ("until=2024-05-01T13:02:01", 3),
        ("camera=2&since=2024-05-02&until=2024-05-03T23:59:59", 4),
        ("camera=2&since=2030-01-01", 0),
    ],
)
def test_a_narrowed_search_is_the_ranking_without_the_others(
    client: Any, first: bytes, words: str, searched: int
) -> None:
    every = post(client, first).json()["results"]
    found = post(client, first, f"{SEARCH}&{words}").json()
    assert found["searched"] == len(found["results"]) == searched
    rows = [each["row"] for each in found["results"]]
    assert rows == [each["row"] for each in every if each["row"] in rows]
    for each in found["results"]:
        assert "camera" not in words or each["camera"] in words


def test_a_narrowed_search_by_a_row_leaves_it_out(client: Any) -> None:
    found = client.get("/api/search/0?camera=1").json()
    assert found["searched"] == 11
    assert 0 not in [each["row"] for each in found["results"]]


def test_a_search_by_lists_says_so_and_a_narrowed_one_is_exact(
    ask: Any, gallery: Path, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PROBES", 1)
    whole = galleries.index(gallery)
    # All of a camera stand in a list.
    cameras = np.array([int(name[3]) - 1 for name in whole.names])
    held = lists.group(cameras, whole.values[[0, -1]], len(whole))
    listed = ListedIndex(whole.names, whole.values, held)
    exactly = post(ask(), first).json()
    monkeypatch.setattr(galleries, "index", lambda root: listed)
    client = ask()
    found = post(client, first, f"{SEARCH}&count=12").json()
    assert (exactly["exact"], found["exact"]) == (True, False)
    assert found["searched"] == 24
    assert len({each["camera"] for each in found["results"]}) == 1
    assert len(found["results"]) == 12
    # More than a list holds are asked for.
    rows = [each["row"] for each in exactly["results"]]
    assert [each["row"] for each in post(client, first).json()["results"]] == rows
    for camera in ("1", "2"):
        narrowed = post(client, first, f"{SEARCH}&camera={camera}").json()
        assert narrowed["exact"] is True
        expected = [each["row"] for each in exactly["results"] if each["camera"] == camera]
        assert [each["row"] for each in narrowed["results"]] == expected


def test_the_gallery_is_described(client: Any) -> None:
    assert client.get("/api/gallery").json() == {
        "images": 24,
        "modality": "visible",
        "cameras": ["1", "2"],
        "first": "2024-05-01T13:01:01",
        "last": "2024-05-06T13:02:02",
        "upload": 1 << 20,
        "most": 1000,
    }


def test_a_list_is_exported_as_a_table(client: Any, first: bytes) -> None:
    answer = post(client, first, f"{SEARCH}&count=3&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="ranking.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["path"] == "cam1/2024-05-03_13-01-01.png"
    assert rows[0]["distance"] == "0.000000"


# Images.


def test_an_image_is_small_and_cached_until_it_changes(
    ask: Callable[..., Any], tmp_path: Path
) -> None:
    root = tmp_path / "large"
    root.mkdir()
    Image.new("RGB", (900, 1800), "red").save(root / "a.png")
    client = ask(root)
    answer = client.get("/api/images/0")
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (160, 320))
    assert answer.headers["cache-control"] == "private, no-cache"
    known = {"if-none-match": answer.headers["etag"]}
    again = client.get("/api/images/0", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    Image.new("RGB", (900, 1800), "blue").save(root / "a.png")
    os.utime(root / "a.png", ns=(1, 1))
    assert client.get("/api/images/0", headers=known).status_code == 200


def test_an_image_says_nothing_but_its_pixels(ask: Callable[..., Any], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (64, 128)).save(tmp_path / "a.jpg", exif=exif, comment=b"of a neighbour")
    held = (tmp_path / "a.jpg").read_bytes()
    assert b"taken at home" in held
    assert b"of a neighbour" in held
    shown = ask(tmp_path).get("/api/images/0").content
    assert b"taken" not in shown
    assert b"neighbour" not in shown
    assert b"Exif" not in shown


def test_an_image_that_is_gone_is_refused(ask: Callable[..., Any], tmp_path: Path) -> None:
    galleries.take(tmp_path, people=1, cameras=[1], images=3)
    client = ask(tmp_path)
    files = sorted((tmp_path / "cam1").iterdir())
    files[0].unlink()
    files[1].unlink()
    os.mkfifo(files[1])
    files[2].write_bytes(b"no image")
    for row in range(3):
        refused(client.get(f"/api/images/{row}"), 404, "can no longer be read")


@pytest.mark.parametrize("place", ["/api/images/24", "/api/search/24"])
def test_a_row_that_is_not_there_is_refused(client: Any, place: str) -> None:
    refused(client.get(place), 404, "there are 24, from 0 on")


def test_a_name_that_leads_out_of_the_gallery_is_not_followed(
    ask: Callable[..., Any], gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = ["../secret.png", "/etc/passwd", *["a.png"] * 22]
    values = galleries.index(gallery).values
    monkeypatch.setattr(galleries, "index", lambda root: galleries.InMemory(outside, values))
    client = ask()
    for row in range(2):
        refused(client.get(f"/api/images/{row}"), 404, "can no longer be read")


# What is refused.


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has 10^9 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 40_000, 25_000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
WHOLE = encoded(Image.new("RGB", (100, 200), "green"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"GIF89a", "is not an image of JPEG"),
        (EPS, "is not an image of JPEG"),
        (SVG, "is not an image of JPEG"),
        (encoded(Image.new("RGB", (9, 9)), "GIF"), "is not an image of JPEG"),
        (WHOLE[: len(WHOLE) // 2], "cannot be decoded"),
        (bomb(), "cannot be decoded"),
        (encoded(Image.new("1", (2000, 2000))), "unfolds to 2000 x 2000 pixels, more than"),
        (b"P6 99999999 99999999 255\n", "image"),
        (np.random.default_rng(0).bytes(5000), "is not an image of JPEG"),
    ],
    ids=["empty", "begun", "eps", "svg", "gif", "cut", "bomb", "large", "ppm", "noise"],
)
def test_what_is_no_image_is_refused(client: Any, content: bytes, said: str) -> None:
    answer = post(client, content)
    refused(answer, 422, said)
    assert answer.json()["error"].startswith("image: ")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM"])
def test_an_image_is_known_by_its_content(client: Any, form: str) -> None:
    content = encoded(Image.new("RGB", (20, 40), "green"), form)
    assert post(client, content, **{"content-type": "image/gif"}).status_code == 200
    assert post(client, content, **{"content-type": "application/octet-stream"}).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/html", "text/plain", "application/json", "application/x-www-form-urlencoded", "<b>"],
)
def test_what_does_not_call_itself_an_image_is_refused(client: Any, kind: str) -> None:
    refused(post(client, WHOLE, **{"content-type": kind}), 415, "is no image")


def test_a_form_is_refused_whole_or_not(client: Any) -> None:
    refused(client.post(SEARCH, files={"file": ("a.png", WHOLE)}), 415, "is no image")
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="<script>"\r\n\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    refused(post(client, part, **headers), 415, "is no image")


@pytest.mark.parametrize("chunked", [False, True])
def test_an_image_of_too_many_bytes_is_refused(client: Any, chunked: bool) -> None:
    much = bytes((1 << 20) + 1)
    content = (much[start : start + 4096] for start in range(0, len(much), 4096))
    answer = client.post(SEARCH, content=content if chunked else much, headers=AS_IMAGE)
    refused(answer, 413, "image: holds more than 1 MB")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "modality: Field required"),
        ("modality=night", "modality='night': Input should be 'visible' or 'infrared'"),
        ("modality=visible&count=0", "count='0'"),
        ("modality=visible&count=1001", "count='1001'"),
        ("modality=visible&count=many", "count='many'"),
        ("modality=visible&camera=9", "camera='9': no such camera; use one of 1, 2"),
        ("modality=visible&camera=%3Cb%3E%0A", "camera='<b> '"),
        ("modality=visible&since=yesterday", "since='yesterday'"),
        ("modality=visible&format=xml", "format='xml'"),
        ("modality=" + "x" * 5000, "modality='xxx"),
    ],
)
def test_a_wrong_parameter_is_named(client: Any, words: str, said: str) -> None:
    answer = post(client, WHOLE, f"/api/search?{words}")
    refused(answer, 422, said)
    assert len(answer.text) < 700


@pytest.mark.parametrize("place", ["/nowhere", "/page/../app.py", "/page/%2e%2e/app.py", "/api/"])
def test_what_is_not_there_is_refused(client: Any, place: str) -> None:
    refused(client.get(place), 404, "Not Found: /docs lists")


def test_another_method_is_refused(client: Any) -> None:
    refused(client.delete("/api/gallery"), 405, "Method Not Allowed")


def test_a_bug_says_nothing_of_itself(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("/home/someone/secret")

    monkeypatch.setattr(galleries, "colours", fail)
    monkeypatch.setattr(galleries, "index", lambda root: galleries.InMemory(["a.png"], np.eye(1)))
    refused(post(ask(), first), 500, "server: something went wrong")
    monkeypatch.setattr(galleries.InMemory, "search", fail)
    refused(ask().get("/api/search/0"), 500, "server: something went wrong")


# Limits.


def test_who_asks_too_often_is_told_how_long_to_wait(ask: Callable[..., Any], first: bytes) -> None:
    client = ask(rate=2.0)
    assert [post(client, first).status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get("/api/search/0")
    refused(answer, 429, "more than 2 searches a minute")
    assert 1 <= int(answer.headers["retry-after"]) <= 31
    assert client.get("/api/gallery").status_code == 200


def test_images_count_as_a_part_of_a_search(ask: Callable[..., Any]) -> None:
    client = ask(rate=1.0)
    assert {client.get("/api/images/0").status_code for _ in range(50)} == {200}
    refused(client.get("/api/search/0"), 429, "more than 1 searches a minute")
    assert client.get("/api/images/0").status_code == 200


# Who may ask.

TOKEN = "a-token-of-some-length"


def test_without_the_token_nothing_is_said_of_the_gallery(
    ask: Callable[..., Any], first: bytes
) -> None:
    client = ask(token=TOKEN, host="somewhere.example")
    for place in ("/api/gallery", "/api/search/0", "/api/images/0", "/api/images/99", "/api/none"):
        answer = client.get(place)
        refused(answer, 401, "token: missing or wrong")
        assert answer.headers["www-authenticate"] == "Bearer"
    refused(post(client, first), 401, "token")
    for wrong in (TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}"):
        answer = client.get("/api/gallery", headers={"authorization": wrong})
        refused(answer, 401, "token: missing or wrong")
    assert client.get("/").status_code == client.get("/docs").status_code == 200
    for word in ("Bearer", "bearer"):
        right = {"authorization": f"{word} {TOKEN}"}
        assert client.get("/api/gallery", headers=right).status_code == 200


def test_a_name_that_someone_elses_server_gave_this_one_is_refused(
    ask: Callable[..., Any],
) -> None:
    client = ask(host="rebound.example")
    for place in ("/", "/api/gallery", "/api/images/0"):
        refused(client.get(place), 403, "host: another name; call this server 127.0.0.1")
    assert ask(host="localhost:8000").get("/api/gallery").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_sites_page_is_refused(client: Any, headers: dict[str, str]) -> None:
    for place in ("/api/gallery", "/api/images/0"):
        refused(client.get(place, headers=headers), 403, "origin: another site")


def test_its_own_page_may_ask(client: Any) -> None:
    headers = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    assert client.get("/api/gallery", headers=headers).status_code == 200


# What every answer says, and none does.


def every_answer(client: Any, first: bytes) -> list[Any]:
    places = (
        "/", "/docs", "/page/search.js", "/page/docs.js", "/page/style.css", "/page/icon.svg",
        "/openapi.json", "/api/gallery", "/api/images/0", "/api/images/99", "/api/search/0",
        "/api/search/x", "/nowhere",
    )  # fmt: skip
    posted = [post(client, content) for content in (first, b"", EPS)]
    foreign = client.get("/api/gallery", headers={"origin": "http://evil.example"})
    return [*(client.get(place) for place in places), *posted, foreign]


def test_every_answer_forbids_what_no_page_needs(client: Any, first: bytes) -> None:
    for answer in every_answer(client, first):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] in ("no-store", "no-cache", "private, no-cache")
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


def test_no_answer_says_where_the_server_keeps_its_files(
    client: Any, first: bytes, gallery: Path
) -> None:
    for answer in every_answer(client, first):
        said = answer.content + str(answer.headers).encode()
        for part in (*gallery.parts[1:], str(Path(__file__).parents[2])):
            assert part.encode() not in said or len(part) < 4, answer.url


def test_pages_hold_no_script_or_style_and_ask_nobody_else(client: Any) -> None:
    for place in ("/", "/docs"):
        page = client.get(place).text
        assert re.findall(r"<script(?! src=\"/page/)", page) == []
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
    files = Path(__file__).parents[2].joinpath("ddag", "serve", "page").iterdir()
    for file in files:
        addresses = set(re.findall(r"https?://[^\s\"'`<)]+", file.read_text(encoding="utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg"}, file.name
        assert "innerHTML" not in file.read_text(encoding="utf-8")


def test_pages_are_cached_by_their_content(client: Any) -> None:
    answer = client.get("/page/search.js")
    known = {"if-none-match": answer.headers["etag"]}
    assert client.get("/page/search.js", headers=known).status_code == 304
    assert client.get("/page/style.css", headers=known).status_code == 200


def test_the_page_says_what_it_may_be_used_for(client: Any) -> None:
    page = client.get("/").text
    foot = page[page.index("<footer>") :]
    for word in ("right to process", "agreed", "law", "not proof"):
        assert word in foot


def test_programs_are_told_how_to_ask(ask: Callable[..., Any]) -> None:
    said = ask().get("/openapi.json").json()
    assert set(said["paths"]) == {
        "/api/gallery", "/api/search", "/api/search/{row}", "/api/images/{row}",
    }  # fmt: skip
    search = said["paths"]["/api/search"]["post"]
    assert search["requestBody"]["content"] == {
        "image/*": {"schema": {"type": "string", "format": "binary"}}
    }
    names = {each["name"] for each in search["parameters"]}
    assert names == {"modality", "count", "camera", "since", "until", "format"}
    assert said["components"]["schemas"]["Refusal"]["required"] == ["error"]
    assert "securitySchemes" not in said["components"]
    told = ask(token=TOKEN).get("/openapi.json").json()["components"]["securitySchemes"]
    assert list(told.values()) == [{"type": "http", "scheme": "bearer"}]


def test_names_with_markup_stay_words(
    ask: Callable[..., Any], tmp_path: Path, first: bytes
) -> None:
    odd = "<img src=x onerror=alert(1)>\n\x1b[31m\u202e.png"
    (tmp_path / odd).write_bytes(first)
    (tmp_path / "=HYPERLINK(1).png").write_bytes(first)
    broken = os.fsdecode(b"\xff\xfe.png")
    (tmp_path / broken).write_bytes(first)
    client = ask(tmp_path)
    answer = post(client, first)
    assert answer.headers["content-type"] == "application/json"
    names = {each["name"] for each in json.loads(answer.text)["results"]}
    shown = "<img src=x onerror=alert(1)> \ufffd[31m\ufffd.png"
    assert names == {shown, "=HYPERLINK(1).png", "\ufffd\ufffd.png"}
    table = post(client, first, f"{SEARCH}&format=csv").text
    assert "'=HYPERLINK(1).png" in table
    assert len(table.splitlines()) == 4
    assert [client.get(f"/api/images/{row}").status_code for row in range(3)] == [200] * 3
