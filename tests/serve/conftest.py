"""A gallery of generated people, and the page asked by a client in this process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Optional

import galleries
import pytest

from ddag.serve.searching import Searcher
from ddag.settings.choices import Modality

LIMITS = {"upload": 1 << 20, "rate": 600.0}
Asking = Callable[..., Any]


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 images of six people, before two cameras."""
    root = tmp_path_factory.mktemp("gallery of someone")
    galleries.take(root)
    return root


@contextmanager
def asking(
    searcher: Searcher, *, token: Optional[str] = None, host: str = "127.0.0.1", **limits: float
) -> Iterator[Any]:
    with warnings.catch_warnings():  # Starlette would rather have httpx2
        warnings.simplefilter("ignore")
        from fastapi.testclient import TestClient

    from ddag.serve.app import Limits, create
    from ddag.serve.guard import Guard

    app = create(
        searcher, Modality.visible, Limits(**{**LIMITS, **limits}), token=token is not None
    )
    guard = Guard(app, hosts={"127.0.0.1", "localhost"}, token=token)
    with TestClient(guard, f"http://{host}", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ask(gallery: Path) -> Iterator[Asking]:
    """Have a gallery served to a client, by the words of ``asking``."""
    with ExitStack() as stack:

        def start(root: Path = gallery, **words: Any) -> Any:
            return stack.enter_context(asking(galleries.searcher(root), **words))

        yield start


@pytest.fixture(scope="module")
def client(gallery: Path) -> Iterator[Any]:
    """As this machine's own page would ask."""
    with asking(galleries.searcher(gallery)) as each:
        yield each
