"""The web application: answers in JSON for its own page and for programs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Optional

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.security import HTTPBearer

from ddag.machine.errors import InputError
from ddag.serve import pages, thumbnails, uploads
from ddag.serve.answers import Refusal, add_handlers
from ddag.serve.labels import Wanted
from ddag.serve.limits import Queue, Rate
from ddag.serve.searching import MOST_RANKS, Ask, Ranking, Searcher, to_csv
from ddag.serve.uploads import RefusedError
from ddag.settings.choices import Modality

log = logging.getLogger(__name__)

RANKS = 48  # of a search that does not say how many
_MOST_WAITING = 512  # searches at the same time
_OF_A_SEARCH = 0.01  # what a small image costs
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The bytes of an image: JPEG, PNG, BMP, TIFF, WebP or PPM.",
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_JPEG: Any = {200: {"content": {"image/jpeg": {}}}}
_REFUSED = {"model": Refusal, "description": "why there is no other answer"}
router = APIRouter(prefix="/api", responses={"4XX": _REFUSED, 422: _REFUSED, "5XX": _REFUSED})


class Form(str, Enum):
    """How a ranking is written."""

    json = "json"
    csv = "csv"


@dataclass(frozen=True)
class Limits:
    """What one client may ask for.

    Attributes:
        upload: bytes of an image.
        rate: searches a minute.
    """

    upload: int
    rate: float


@dataclass(frozen=True)
class About:
    """What there is to be searched."""

    images: int
    modality: Modality  # that all images are taken to be of
    cameras: list[str]
    first: Optional[str]  # time that is known of an image, ISO 8601
    last: Optional[str]
    upload: int  # bytes that an image sent may have
    most: int  # images that a search may ask for


@dataclass(frozen=True)
class Served:
    """What the answers are made from."""

    searcher: Searcher
    about: About
    limits: Limits
    rate: Rate
    queue: Queue


def create(
    searcher: Searcher, modality: Modality, limits: Limits, *, token: bool = False
) -> FastAPI:
    """The application that searches a gallery.

    Args:
        searcher: of the gallery; it is closed with the application.
        modality: of the gallery's images.
        limits: of what is asked for.
        token: whether one is wanted, which ``guard`` sees to; programs are told so.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.get_running_loop().run_in_executor(None, searcher.close)

    app = FastAPI(
        title="Search in a gallery of people, visible and infrared",
        description="Send an image, get the images of the gallery that are nearest to it.",
        version="1",
        docs_url=None,  # a page of our own: FastAPI's fetches its scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    first, last = searcher.labels.span or (None, None)
    about = About(
        len(searcher.gallery), modality, list(searcher.labels.cameras), first, last,
        limits.upload, MOST_RANKS,
    )  # fmt: skip
    app.state.served = Served(searcher, about, limits, Rate(limits.rate), Queue(_MOST_WAITING))
    app.include_router(router, dependencies=[Depends(HTTPBearer(auto_error=False))] * token)
    pages.add(app)
    add_handlers(app)
    return app


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served


def _take(request: Request, cost: float = 1.0) -> Served:
    """What there is, once the client's share allows for ``cost``."""
    served = _served(request)
    served.rate.take(request.client.host if request.client else "", cost)
    return served


Cameras = Annotated[list[str], Query(max_length=100, description="by any of these cameras")]
Row = Annotated[int, InPath(ge=0, description="of an image, as in a ranking")]
As = Annotated[Form, Query(alias="format", description="csv: a table for spreadsheets")]


def _ask(
    count: Annotated[int, Query(ge=1, le=MOST_RANKS, description="images at most")] = RANKS,
    camera: Cameras = [],  # noqa: B006, FastAPI copies it
    since: Annotated[Optional[datetime], Query(description="from when on, ISO 8601")] = None,
    until: Annotated[Optional[datetime], Query(description="up to when")] = None,
) -> Ask:
    return Ask(count, Wanted(tuple(camera), since, until))


Asked = Annotated[Ask, Depends(_ask)]


@router.get("/gallery")
async def gallery(request: Request) -> About:
    """What there is to be searched: how many images, their cameras and times."""
    return _served(request).about


@router.post("/search", response_model=Ranking, openapi_extra=_BODY)
async def search_by_image(
    request: Request,
    modality: Annotated[Modality, Query(description="of the camera that took the image")],
    ask: Asked,
    form: As = Form.json,
) -> Any:
    """Rank the gallery by likeness to an image, which is not kept."""
    served, headers = _take(request), request.headers
    uploads.refuse_type(headers.get("content-type"))
    with served.queue.place():
        size = headers.get("content-length")
        content = await uploads.read(request.stream(), size, most=served.limits.upload)
        return _written(await served.searcher.by_image(content, modality, ask), form)


@router.get("/search/{row}", response_model=Ranking)
async def search_by_row(request: Request, row: Row, ask: Asked, form: As = Form.json) -> Any:
    """Rank the gallery by likeness to one of its images, without that one."""
    served = _take(request)
    _refuse_row(served, row)
    with served.queue.place():
        return _written(await served.searcher.by_row(row, ask), form)


@router.get("/images/{row}", response_class=Response, responses=_JPEG)
async def image(request: Request, row: Row) -> Response:
    """An image of the gallery, small, as a JPEG."""
    served = _take(request, _OF_A_SEARCH)
    _refuse_row(served, row)
    searcher, known = served.searcher, request.headers.get("if-none-match")
    try:
        path = thumbnails.place(searcher.root, searcher.gallery.names[row])
        tag = await searcher.work(lambda: thumbnails.tag(path))
        headers = {"etag": tag, "cache-control": "private, no-cache"}
        if known is not None and tag in known:
            return Response(status_code=304, headers=headers)
        drawn = await searcher.work(lambda: thumbnails.draw(path))
    except (InputError, OSError, ValueError) as error:  # both name the path
        log.debug("Not shown: %s", error)
        raise RefusedError(404, f"image {row}: can no longer be read") from error
    return Response(drawn, media_type="image/jpeg", headers=headers)


def _refuse_row(served: Served, row: int) -> None:
    if row >= served.about.images:
        raise RefusedError(404, f"image {row}: there are {served.about.images}, from 0 on")


def _written(ranking: Ranking, form: Form) -> Any:
    if form is Form.json:
        return ranking
    headers = {"content-disposition": 'attachment; filename="ranking.csv"'}
    return Response(to_csv(ranking.results), media_type="text/csv", headers=headers)
