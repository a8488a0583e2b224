"""The pages and what they are made of: a handful of files that come with this package."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI, Request, Response

FOLDER = Path(__file__).with_name("page")
PLACES = {
    "/": "index.html",
    "/docs": "docs.html",
    "/page/style.css": "style.css",
    "/page/search.js": "search.js",
    "/page/docs.js": "docs.js",
    "/page/icon.svg": "icon.svg",
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Page(NamedTuple):
    """A file."""

    content: bytes
    kind: str
    tag: str


def read() -> dict[str, Page]:
    """Each page by its place."""
    found = {}
    for place, name in PLACES.items():
        content = (FOLDER / name).read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        found[place] = Page(content, TYPES[Path(name).suffix], tag)
    return found


def add(app: FastAPI) -> None:
    """Have an application show the pages, and no other file."""
    held = read()

    async def show(request: Request) -> Response:
        page = held[request.url.path]
        headers = {"etag": page.tag, "cache-control": "no-cache"}
        if page.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(page.content, media_type=page.kind, headers=headers)

    for place in held:
        app.add_route(place, show, methods=["GET"], include_in_schema=False)
