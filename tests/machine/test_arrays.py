from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from ddag.machine import arrays
from ddag.machine.arrays import map_array, read_archive
from ddag.machine.errors import InputError

NUMBERS = np.arange(12, dtype=np.float32).reshape(3, 4)
HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"
TEXTS = np.array(["a", "ß", "long"])


def npy(array: np.ndarray, **how: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **how)
    return file.getvalue()


def with_header(text: str, values: bytes = NUMBERS.tobytes()) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + values


def refusal(path: Path) -> str:
    read = read_archive if path.suffix == ".npz" else map_array
    with pytest.raises(InputError) as caught:
        read(path, remedy="get it anew")
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert said.endswith("; get it anew")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    "array",
    [NUMBERS, NUMBERS.T, TEXTS, np.zeros((0, 3), np.uint8), np.array(2), np.array([True])],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_what_numpy_writes_is_read(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "stored.npz", one=array, two=NUMBERS)
    np.savez_compressed(tmp_path / "packed.npz", one=array, two=NUMBERS)
    read = [map_array(tmp_path / "a.npy", remedy="")]
    for name in ("stored", "packed"):
        found = read_archive(tmp_path / f"{name}.npz", remedy="")
        assert set(found) == {"one", "two"}
        read.append(found["one"])
    for each in read:
        assert each.dtype == array.dtype
        np.testing.assert_array_equal(each, array)


def test_an_array_is_mapped_and_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", NUMBERS)
    mapped = map_array(tmp_path / "a.npy", remedy="")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "EOF"),
        (b"junk", "EOF"),
        (b"junk" * 9, "magic string"),
        (npy(NUMBERS)[:20], "its header is none"),
        (npy(NUMBERS)[:-1], "holds 47 bytes instead of float32"),
        (npy(NUMBERS) + b"x", "holds 49 bytes instead of float32"),
        (npy(np.array([1, None]), allow_pickle=True), "Python objects"),
        (npy(np.zeros(2, [("a", "f4"), ("b", "i4")])), "its header is none"),
        (npy(np.zeros(2, "M8[s]")), "its header is none"),
        (with_header("[" * 9000), "its header is none"),
        (with_header("-" * 9000 + "1"), ""),
        (with_header(HEADER + " " * 20_000), "its header is none"),
        (with_header("{}"), ""),
        (with_header("os.system('true')"), ""),
        (with_header(HEADER.replace("'<f4'", "'<q9'")), ""),
        (with_header(HEADER.replace("'<f4'", "'|O'"), b"cos\nsystem\n"), "Python objects"),
        (with_header(HEADER.replace("'<f4'", "'|V4'")), "instead of numbers"),
        (with_header(HEADER.replace("'<f4'", "'<U0'"), b""), "instead of numbers"),
        (with_header(HEADER.replace("(3, 4)", "(-3, -4)")), "its header is none"),
        (with_header(HEADER.replace("(3, 4)", "(0, -4)"), b""), "its header is none"),
        (with_header(HEADER.replace("(3, 4)", "(3.0, 4)")), ""),
        (with_header(HEADER.replace("(3, 4)", f"({2**70},)")), "holds 48 bytes"),
        (with_header(HEADER.replace("(3, 4)", f"({2**70}, 0)"), b""), ""),
        (with_header(HEADER.replace("(3, 4)", f"({'1, ' * 99}12)")), ""),
        (with_header(HEADER.replace("(3, 4)", "(" + "9" * 5000 + ",)")), ""),
        (b"\x93NUMPY\x09\x00" + b"\0" * 90, ""),
    ],
    ids=str,
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert said in refusal(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    assert said in refusal(tmp_path / "a.npz")


def test_what_is_no_file_is_refused_in_one_line(tmp_path: Path) -> None:
    for name in ("a.npy", "a.npz"):
        assert "no such file" in refusal(tmp_path / name)
        os.mkfifo(tmp_path / name)
        assert "is a pipe" in refusal(tmp_path / name)
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
        assert "is a folder" in refusal(tmp_path / name)


def test_an_encrypted_or_oddly_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a.npy", npy(NUMBERS))
        assert "compressed in a way that NumPy does not know" in refusal(path)
    np.savez(path, a=NUMBERS)
    whole = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        whole[whole.index(signature) + place] |= 1
    path.write_bytes(whole)
    assert "a.npy is encrypted" in refusal(path)


def test_an_archive_that_unfolds_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_UNFOLDED", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1 << 19, np.uint8))
    assert read_archive(tmp_path / "a.npz", remedy="")
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1 << 20, np.uint8))
    assert "unfolds from" in refusal(tmp_path / "a.npz")


def test_a_name_for_the_file_stands_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^job\.source=a: no such file; get it anew$"):
        read_archive(tmp_path / "a.npz", remedy="get it anew", name="job.source=a")


@hypothesis.given(st.data())
@hypothesis.settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_any_change_of_a_file_is_read_or_refused_in_one_line(
    tmp_path: Path, data: st.DataObject
) -> None:
    for name in ("a.npy", "a.npz"):
        path = tmp_path / name
        np.save(path, NUMBERS) if name == "a.npy" else np.savez(path, a=NUMBERS, b=TEXTS)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        said = ""
        try:
            map_array(path, remedy="") if name == "a.npy" else read_archive(path, remedy="")
        except InputError as error:
            said = str(error)
        assert "\n" not in said
        path.unlink()
