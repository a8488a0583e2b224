"""Commands in forks of a process that has imported everything: seconds each become tenths.

Run as a program it reads a command a line from its input, and answers each with how it ended.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What starts a program, or reaches another machine.
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn",
            "socket.connect", "ctypes.dlopen")  # fmt: skip
MOVING = ("os.mkdir", "os.rename", "os.link", "os.symlink", "shutil.copyfile", "shutil.move")
PLANTED = "planted"  # a module, or part of whatever a hostile file would have run


class Ending(NamedTuple):
    """How a command ended.

    Attributes:
        code: its exit code; None if it was killed after its time.
        out: what it printed.
        err: what it printed as errors.
        seconds: that it took.
        crossed: programs it started, and places outside of its own that it wrote to.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    crossed: list[str]


class Nursery:
    """The warm process, and the commands that are run in forks of it."""

    def __init__(self) -> None:
        environment = {**os.environ, "COLUMNS": "300", "MPLBACKEND": "agg"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, words: list[str], folder: Path, *, seconds: float) -> Ending:
        """Run ``run.py`` with these words from ``folder``, the only place it may write to.

        Args:
            words: typed.
            folder: the working directory.
            seconds: that it may keep a processor busy. It may wait for three times as long, since
                others may keep the processors busy.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"words": words, "folder": str(folder), "seconds": seconds}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Ending(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the warm process."""
        self._process.communicate()


def warm() -> None:
    """Import and initialise whatever a job may need."""
    import importlib

    import matplotlib.pyplot as plt
    from PIL import Image

    from ddag.machine import environment
    from ddag.runs import provenance

    environment.prepare()
    provenance.collect()  # which asks git; it is asked once in a process
    package = Path(__file__).parents[1] / "ddag"
    for file in package.rglob("*.py"):
        module = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        if not module.endswith("__main__"):
            try:
                importlib.import_module(module.removesuffix(".__init__"))
            except ModuleNotFoundError as error:
                if (error.name or "ddag").partition(".")[0] == "ddag":
                    raise  # the others are of extras that are not installed
    Image.init()
    plt.figure().savefig(os.devnull, format="svg")  # which finds the fonts
    for name in ("safetensors.numpy", "torch", "jinja2", "filelock", "scipy.io"):
        try:
            importlib.import_module(name)
        except ImportError:
            assert name == "torch"


def attend(request: dict[str, Any]) -> dict[str, Any]:
    """Run a command in a fork, and say how it ended."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        start = time.monotonic()
        child = os.fork()
        if not child:
            be_command(request, place)
        code = wait(child, start + 3 * request["seconds"])
        seconds = time.monotonic() - start
        said = {
            name: (place / name).read_bytes().decode("utf-8", "replace")
            for name in ("out", "err", "crossed")
            if (place / name).exists()
        }
    crossed = said.pop("crossed", "").splitlines()
    return {"code": code, "seconds": seconds, "crossed": crossed, **said}


def wait(child: int, end: float) -> int | None:
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return None if code == -signal.SIGXCPU else code
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def be_command(request: dict[str, Any], place: Path) -> None:
    """Be the command, never return."""
    code, seconds = 1, request["seconds"]
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        os.chdir(request["folder"])
        sys.path.insert(0, request["folder"])  # as with python -m ddag
        crossed = os.open(place / "crossed", os.O_WRONLY | os.O_CREAT)
        watch(request["folder"], crossed)
        sys.argv = ["run.py", *request["words"]]
        from ddag import command

        command.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def watch(folder: str, crossed: int) -> None:
    """Write down each program that is started and each file written outside of ``folder``."""
    home = os.path.realpath(folder) + "/"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING:
                note(event, path)
        elif event in MOVING:
            note(event, arguments[-1] if event == "os.rename" else arguments[0])
        elif event in PROGRAMS or (event == "import" and arguments[0] == PLANTED):
            if event == "ctypes.dlopen" and PLANTED not in str(arguments[0]):
                return
            os.write(crossed, f"{event} {arguments[0]!r}\n".encode(errors="replace"))

    def note(event: str, path: object) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return  # a file that is open already
        text = os.fsdecode(path)
        real = os.path.realpath(Path(text).parent) + "/"
        if not real.startswith(home) and text != os.devnull:
            os.write(crossed, f"{event} {text}\n".encode(errors="replace"))

    sys.addaudithook(hook)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed must not be taken for an answer
    warm()
    for line in sys.stdin:
        print(json.dumps(attend(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
