"""What a hostile or a broken disk makes of a file: bytes spoilt, and values of a JSON or YAML."""

from __future__ import annotations

import json
import math
import os
import pickle
from pathlib import Path
from random import Random
from typing import Any, Callable, NamedTuple, Union

import yaml

Mutation = Callable[[Path], object]


class Planted:
    """What runs a program when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch planted",)


def nested(depth: int, leaf: Any = 0) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


class Raw(NamedTuple):
    """A value that only a text can hold."""

    text: str


WORDS = [
    "", "x", "feat/rank1", "[/x][bold]:cat:", "<script>alert(1)</script>", "=1+1", "a\nb\rc",
    "\x00", "\x1b[2J", "\ud800", "é漢🙂", "x" * 100_000, "../../outside", "/dev/zero",
    "/proc/self/mem", "/", ".", "~", "planted", "planted.run", "module://planted", "${oc.env:HOME}",
    "${seed}", "${hydra:runtime.cwd}", "${oc.decode:${oc.env:HOME}}", "${planted:}",
    "--config-dir=.", "--experimental-rerun=planted", "hydra.run.dir=../outside",
    "hydra/sweeper=optuna", "hydra.sweeper.custom_search_space=planted.run",
    "hydra.launcher._target_=planted.run", "hydra.callbacks.x._target_=planted.run",
    "+hydra.job.env_set.X=1", "hydra.searchpath=[.]",
    "dataset.root=../outside", "seed=0", "model.part=0,3", "1e9", "-1", "null", "true",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 0.5, 1.5, 1e-300, 1e300, -1e300, 2**31, 2**63, -(2**63), 2**64, 10**400,
    math.nan, math.inf, -math.inf, True, False,
]  # fmt: skip
SHAPES = [
    None, [], {}, [[]], {"": None}, {"_target_": "planted.run"}, {"name": "planted"},
    nested(40), [0] * 10_000, {"a": {"b": {"c": 1}}}, ["seed=0", {"seed": 0}], ["x"],
    {"generate": {"identities": 10**9, "images": 1, "seed": 0}, "root": "../outside"},
]  # fmt: skip
RAW = [
    Raw("!!python/object/apply:os.system ['touch planted']"), Raw("9" * 5_000), Raw("*a"),
    Raw("0x" + "f" * 9_000),
    Raw("[" * 400 + "]" * 400), Raw("&a [*a, *a]"), Raw("!!binary x"), Raw("!!timestamp 9"),
    Raw("2026-01-01"),
    Raw("!!set {a, b}"), Raw('"\\ud800"'), Raw("[" * 100_000), Raw("1:" * 2_000 + "1"), Raw("NaN"),
    Raw("-Infinity"), Raw(".nan"), Raw("1e999"), Raw("<<: 1"), Raw("!!python/name:os.system"),
    Raw(""),
]  # fmt: skip

VALUES = [*WORDS, *NUMBERS, *SHAPES, *RAW]

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(planted) (w) file closefile\n%%EOF\n"
BYTES = [
    b"", b"\x00", b"\xff" * 64, b"\n", b"\r\n", b",", b'"', b"\x80\x04.", b"9" * 5_000, b"-1",
    b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x89PNG\r\n\x1a\n", b"{" * 2_000, b"[" * 200_000,
    "é".encode("latin-1"), b"[/x] \x1b[2J", b"../outside,", b"-",
    b"/dev/zero", b"=1+1", "\ufeff".encode(), "1\n2".encode("utf-16"), b" " * 100_000,
    b"\x00" * 100_000, pickle.dumps(Planted()), EPS, b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"P6 99999 99999 255\n", b"GIF89a" + b"\xff" * 20, b"\x1f\x8b\x08", b"2147483648", b"1e9",
]  # fmt: skip


def truncated(place: float) -> Mutation:
    return lambda path: os.truncate(path, int(path.stat().st_size * place))


def spliced(place: float, put: bytes, *, over: bool) -> Mutation:
    """Put bytes in at a place, or over what stands there."""

    def change(path: Path) -> None:
        content = path.read_bytes()
        at = int(len(content) * place)
        path.write_bytes(content[:at] + put + content[at + (len(put) if over else 0) :])

    return change


def repeated(first: float, last: float, times: int) -> Mutation:
    """Have a stretch of the file come several times."""

    def change(path: Path) -> None:
        content = path.read_bytes()
        one, two = sorted((int(len(content) * first), int(len(content) * last)))
        two = min(two, one + 10_000)
        path.write_bytes(content[:one] + content[one:two] * times + content[two:])

    return change


def replaced(content: bytes) -> Mutation:
    return lambda path: path.write_bytes(content)


def swapped(kind: str) -> Mutation:
    """Something else in the place of the file."""

    def change(path: Path) -> None:
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "hole":
            path.touch()
            os.truncate(path, 1 << 32)
        elif kind != "nothing":
            path.symlink_to(kind)

    return change


KINDS = ["folder", "pipe", "hole", "nothing", "nowhere", ".", "/dev/zero", "/proc/self/mem"]
Tree = Union[dict[str, Any], list[Any]]


def spots(tree: Any) -> list[tuple[Tree, Any]]:
    """Each place of a nested value: what holds it, and its key there."""
    if isinstance(tree, dict):
        keys: list[Any] = list(tree)
    elif isinstance(tree, list):
        keys = list(range(len(tree)))
    else:
        return []
    return [spot for key in keys for spot in ((tree, key), *spots(tree[key]))]


def altered(tree: Any, place: float, value: Any, how: str) -> Any:
    """A nested value, plain words and numbers, with one place changed.

    Args:
        tree: changed in place.
        place: from 0, the first, to 1, the last.
        value: to put there.
        how: ``set``, ``drop``, ``wrap`` in a list, or ``add`` under another key.
    """
    found = spots(tree)
    if not found or place == 1:
        return value
    holder, key = found[int(place * len(found))]
    if how == "drop":
        del holder[key]
    elif how == "wrap":
        holder[key] = [holder[key]]
    elif how == "add" and isinstance(holder, dict):
        holder["added" if isinstance(value, (list, dict)) else str(value)] = value
    else:
        holder[key] = value
    return tree


HOW = ["set", "set", "set", "set", "drop", "wrap", "add"]


def dumped(tree: Any, value: Any, dump: Callable[[Any], str]) -> str:
    """The text of a nested value; what only a text can hold is put in there."""
    if not isinstance(value, Raw):
        return dump(tree)
    return dump(tree).replace('"@raw@"', value.text).replace("@raw@", value.text)


def in_json(place: float, value: Any, how: str) -> Mutation:
    """Change a value of a JSON file, or of one of its lines."""

    def change(path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        whole = path.suffix == ".json"
        number = 0 if whole else int(place * 0.99 * len(lines))
        put = "@raw@" if isinstance(value, Raw) else value
        tree = altered(json.loads("\n".join(lines) if whole else lines[number]), place, put, how)
        text = dumped(tree, value, json.dumps)
        lines = [text] if whole else [*lines[:number], text, *lines[number + 1 :]]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return change


def in_yaml(place: float, value: Any, how: str) -> Mutation:
    """Change a value of a YAML file."""

    def change(path: Path) -> None:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        put = "@raw@" if isinstance(value, Raw) else value
        tree = altered(tree, place, put, how)
        path.write_text(dumped(tree, value, yaml.safe_dump), encoding="utf-8")

    return change


def of_value(change: Callable[[float, Any, str], Mutation], chance: Random) -> Mutation:
    """Change a value drawn by chance, by a function such as ``in_json``."""
    return change(chance.random(), chance.choice(VALUES), chance.choice(HOW))


def of_bytes(chance: Random) -> Mutation:
    """Spoil bytes drawn by chance, or the whole file."""
    place, over, put = chance.random(), chance.random() < 0.5, chance.choice(BYTES)
    kinds = [
        lambda: truncated(place),
        lambda: spliced(place, put, over=over),
        lambda: spliced(0, put, over=over),
        lambda: spliced(place, chance.randbytes(chance.randint(1, 8)), over=over),
        lambda: repeated(place, chance.random(), chance.choice([0, 2, 50])),
        lambda: replaced(put),
        lambda: swapped(chance.choice(KINDS)),
    ]
    return chance.choice(kinds)()


def of_format(name: str, chance: Random) -> Mutation:
    """What may happen to a file, by its ending."""
    change = {"json": in_json, "jsonl": in_json, "yaml": in_yaml}.get(name.rpartition(".")[2])
    if change is None or chance.random() < 0.3:
        return of_bytes(chance)
    return of_value(change, chance)
