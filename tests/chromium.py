"""Headless Chromium driven through a pipe: pages opened, used as by hand, and looked at."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Optional

PATIENCE = 60.0  # seconds for anything to happen


def program() -> Optional[str]:
    """Where Chromium is, if it is installed."""
    return shutil.which("chromium") or shutil.which("google-chrome")


class Page:
    """A tab, through Chromium's own protocol: JSON, each message ended by a zero byte.

    Attributes:
        requests: addresses of all that the page asked for.
        complaints: what it printed as an error, or raised.
    """

    def __init__(self, ask: int, hear: int) -> None:
        self._ask, self._hear, self._begun = ask, hear, b""
        self._number, self._session = 0, ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **given: Any) -> dict[str, Any]:
        """Have something done, and return what it gives."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._ask, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._read()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                result: dict[str, Any] = heard["result"]
                return result

    def show(self, *, width: int, height: int, dark: bool = False) -> None:
        """Be a window of so many pixels, in a light or a dark scheme."""
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Go to an address, from another one: else what stands behind # would not load a page."""
        for place, known in (("about:blank", "==="), (address, "!==")):
            self("Page.navigate", url=place)
            self.wait(f"location.href {known} 'about:blank' && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """What a script gives."""
        found = self(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True,
            userGesture=True,
        )  # fmt: skip
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until a script gives something true."""
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, f"{script}: {self.run('document.body.innerText')}"
            time.sleep(0.05)

    def choose_file(self, selector: str, file: Path) -> None:
        """Choose a file in an input."""
        root = self("DOM.getDocument")["root"]["nodeId"]
        node = self("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def save(self, file: Path) -> None:
        """Write what the window shows as a PNG."""
        file.write_bytes(base64.b64decode(self("Page.captureScreenshot")["data"]))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._begun:
            part = os.read(self._hear, 1 << 16)
            assert part, "Chromium has ended"
            self._begun += part
        line, _, self._begun = self._begun.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: Optional[str], told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


@contextmanager
def browsing(folder: Path) -> Iterator[Page]:
    """A page in a new browser.

    Args:
        folder: for its profile.
    """
    (ours_out, theirs_in), (theirs_out, ours_in) = os.pipe(), os.pipe()
    # Chromium reads from 3 and writes to 4, and nothing but these two may be open there.
    words = [
        str(program()), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-pipe",
        f"--user-data-dir={folder}", "about:blank",
    ]  # fmt: skip
    shell = f'exec "$@" 3<&{theirs_out} 4>&{theirs_in}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", *words],
        pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(ours_in, ours_out)
    finally:
        for descriptor in (ours_in, ours_out):
            os.close(descriptor)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)  # it ends with its pipe
        process.kill()
        process.wait()
