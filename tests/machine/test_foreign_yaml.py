from __future__ import annotations

import os
from pathlib import Path

import pytest

from ddag.machine import foreign_yaml
from ddag.machine.errors import InputError

BILLIONS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
)


def test_plain_values_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: [1, two, 0.5, null, true]\nb: {c: '=~'}\n")
    assert foreign_yaml.read(file, dict) == {"a": [1, "two", 0.5, None, True], "b": {"c": "=~"}}
    file.write_text("[]")
    assert foreign_yaml.read(file, list) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds NoneType, not dict"),
        (b"- 1", "holds list, not dict"),
        (b"5", "holds int, not dict"),
        (b"a: [", "a.yaml"),
        (b"a: 1\n---\nb: 2", "a.yaml"),
        (b"\x00\x01", "a.yaml"),
        (b"a: \xff", "decode"),
        (b"a: " + b"x" * (1 << 20), "larger than 1 MB"),
        (b"a: " + b"[[" * 30, "nested more than 50 deep"),
        (b"{a: " * 60, "nested more than 50 deep"),
        (b"a: " + b"[" * 100_000, "nest"),  # some LibYAMLs have a limit of their own
        (b"{a: " * 100_000, "nest"),
        (BILLIONS.encode(), "an alias"),
        (b"a: &a [*a]", "an alias"),
        (b"a: !!python/object/apply:os.system ['touch planted']", "python/object"),
        (b"a: !!python/name:os.system", "python/name"),
        (b"a: !!int ''", "index"),
        (b"a: !!bool x", "a.yaml"),
        (b"a: !!timestamp x", "a.yaml"),
        (b"a: " + b"1" * 5000, "a.yaml"),
        (b"a: 2001-99-99", "a.yaml"),
        (b"? [1]\n: 2", "a.yaml"),
        (b"<<: 5", "a.yaml"),
    ],
)
def test_whatever_else_a_file_holds_is_refused_by_its_name_in_one_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=said) as refused:
        foreign_yaml.read(file, dict)
    assert str(refused.value).startswith(f"{file}: ")
    assert len(str(refused.value).splitlines()) == 1
    assert not (Path.cwd() / "planted").exists()


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("pipe", "loop", "nothing", "x" * 300, ".", "a\0b"):
        with pytest.raises(InputError):
            foreign_yaml.read(tmp_path / name, dict)
    with pytest.raises(InputError, match="/dev/zero"):
        foreign_yaml.read(Path("/dev/zero"), dict)
