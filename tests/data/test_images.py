from __future__ import annotations

import os
import socket
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from ddag.data import images as image_files
from ddag.data.records import Records
from ddag.machine import threads
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

SIZE = {"height": 12, "width": 6}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def records_of(paths: list[Path]) -> Records:
    rows = np.arange(len(paths))
    return Records(np.array([str(path) for path in paths]), rows, rows, Modality.visible)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number:03d}.png" for number in range(100)]
    for number, path in enumerate(paths):
        Image.new("RGB", (5, 9), (number, 0, 0)).save(path)
    return paths


def test_an_image_is_resized_as_pillow_does_it(tmp_path: Path) -> None:
    original = Image.fromarray(noise(31, 17, 3))
    original.save(tmp_path / "a.bmp")
    expected = np.asarray(original.resize((6, 12), Image.Resampling.LANCZOS))
    read = image_files.read_image(tmp_path / "a.bmp", **SIZE)
    assert (read.shape, read.dtype) == ((12, 6, 3), np.uint8)
    np.testing.assert_array_equal(read, expected)


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    grey = noise(12, 6)
    Image.fromarray(grey).save(tmp_path / "a.png")
    read = image_files.read_image(tmp_path / "a.png", **SIZE)
    np.testing.assert_array_equal(read, np.repeat(grey[..., None], 3, axis=2))


def test_16_bit_grey_keeps_its_upper_8_bits(tmp_path: Path) -> None:
    grey = noise(12, 6)
    Image.fromarray(grey.astype(np.uint16) * 256 + 77).save(tmp_path / "a.png")
    np.testing.assert_array_equal(image_files.read_image(tmp_path / "a.png", **SIZE)[..., 0], grey)


def test_alpha_is_dropped(tmp_path: Path) -> None:
    rgba = noise(12, 6, 4)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(image_files.read_image(tmp_path / "a.png", **SIZE), rgba[..., :3])


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (6, 12), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red = image_files.read_image(tmp_path / "a.jpg", **SIZE)[5, 3]
    assert red[0] > 200
    assert max(red[1:]) < 60


def test_a_transparent_palette_becomes_rgb_without_a_warning(tmp_path: Path) -> None:
    palette = Image.new("P", (6, 12), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert image_files.read_image(tmp_path / "a.png", **SIZE)[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "tif", "webp", "ppm"])
def test_an_image_is_known_by_what_it_holds_in_the_formats_of_data_sets(
    tmp_path: Path, ending: str
) -> None:
    Image.new("RGB", (6, 12), (200, 40, 0)).save(tmp_path / f"a.{ending}")
    renamed = (tmp_path / f"a.{ending}").rename(tmp_path / "image.eps")
    red = image_files.read_image(renamed, **SIZE)[5, 3]
    assert abs(red.astype(int) - (200, 40, 0)).max() < 12


def bitmap_of(width: int, height: int) -> bytes:
    """The head of a BMP file of this size."""
    sizes = [b"BM", bytes(8), b"\x36\0\0\0", b"\x28\0\0\0"]
    sizes += [width.to_bytes(4, "little"), height.to_bytes(4, "little"), b"\1\0\x18\0"]
    return b"".join([*sizes, bytes(200)])


def hostile_files(folder: Path) -> dict[Path, str]:
    """Files that no data set has, each with what is said of it."""
    other = "is not an image of JPEG, PNG, BMP, TIFF, WebP or PPM"
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(%pipe%id) run\n"
    (folder / "eps.png").write_bytes(program)
    for kind in ("gif", "ico", "pcx", "tga"):
        Image.new("RGB", (16, 16)).save(folder / f"a.{kind}")
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "loop.png").symlink_to("loop.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.png"))
    for name, size in (("bomb.bmp", (9000, 9000)), ("larger.bmp", (30_000, 30_000))):
        (folder / name).write_bytes(bitmap_of(*size))
    with (folder / "huge.png").open("wb") as file:
        file.truncate(1 << 30)
    special = "is a pipe, a socket or a device, not a file"
    return {
        **{folder / name: other for name in ("eps.png", "a.gif", "a.ico", "a.pcx", "a.tga")},
        **{folder / name: special for name in ("pipe.png", "zero.png", "socket.png")},
        folder / "loop.png": "Too many levels of symbolic links",
        folder / "bomb.bmp": "unfolds to 9000 x 9000 pixels, more than 67,108,864",
        folder / "larger.bmp": "",
        folder / "huge.png": "holds 1024 MB, more than 256",
        folder / f"{'x' * 300}.png": "File name too long",
        folder / ("x/" * 3000): "File name too long",
        folder / "a\0.png": "null byte",
    }


def test_another_file_is_neither_run_nor_waited_for_nor_unfolded(tmp_path: Path) -> None:
    for path, said in hostile_files(tmp_path).items():
        with pytest.raises(InputError) as caught:
            image_files.read_image(path, **SIZE)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert said in message
        assert "\n" not in message
        ((_, reason),) = image_files.unreadable([str(path)])
        assert message == f"{path}: {reason}; restore the file from the data set"


@hypothesis.given(st.data())
@hypothesis.settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_any_change_of_an_image_is_read_or_refused_in_one_line(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / f"a.{data.draw(st.sampled_from(['jpg', 'png', 'bmp', 'tif', 'webp', 'ppm']))}"
    Image.fromarray(noise(9, 5, 3)).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(99, len(content) - 1)))] = data.draw(
            st.integers(0, 255)
        )
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    message = ""
    try:
        image_files.read_image(path, **SIZE)
    except InputError as error:
        message = str(error)
    assert "\n" not in message


def broken_files(folder: Path) -> dict[str, str]:
    """Names of files that cannot be read, each with what is wrong."""
    for name in ("whole.png", "whole.jpg"):
        Image.fromarray(noise(40, 40, 3)).save(folder / name)
    for suffix in ("png", "jpg"):
        whole = (folder / f"whole.{suffix}").read_bytes()
        (folder / f"cut.{suffix}").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no image")
    (folder / "folder.jpg").mkdir()
    return {
        "cut.png": "cannot be decoded",
        "cut.jpg": "cannot be decoded",
        "empty.jpg": "is empty",
        "text.jpg": "is not an image",
        "folder.jpg": "is a folder",
        "missing.jpg": "no such file",
        "text.jpg/a.jpg": "no such file",
    }


def test_an_unreadable_image_is_refused_by_name(tmp_path: Path) -> None:
    for name, reason in broken_files(tmp_path).items():
        with pytest.raises(InputError, match=f"{name}: {reason}.*; restore"):
            image_files.read_image(tmp_path / name, **SIZE)


def test_unreadable_lists_every_broken_file_and_no_other(tmp_path: Path) -> None:
    broken = broken_files(tmp_path)
    paths = [str(tmp_path / name) for name in ("whole.png", *broken, "whole.jpg")]
    steps: list[None] = []
    found = image_files.unreadable(paths, advance=lambda: steps.append(None))
    assert [path for path, _ in found] == paths[1:-1]
    for (_, reason), expected in zip(found, broken.values()):
        assert expected in reason
    assert len(steps) == len(paths)


def test_load_fills_the_pixels_in_the_order_of_the_records(files: list[Path]) -> None:
    steps: list[None] = []
    loaded = image_files.load(records_of(files), **SIZE, advance=lambda: steps.append(None))
    assert loaded.pixels is not None
    assert loaded.pixels.shape == (100, 12, 6, 3)
    assert loaded.pixels[:, 0, 0, 0].tolist() == list(range(100))
    assert len(steps) == 100


def test_load_names_the_file_that_it_cannot_read(files: list[Path]) -> None:
    files[70].write_bytes(b"")
    with pytest.raises(InputError, match=r"070\.png: is empty"):
        image_files.load(records_of(files), **SIZE)


def test_reading_ahead_is_bounded(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    decode = image_files.read_image

    def counting(path: str, *, height: int, width: int) -> np.ndarray:
        read.append(path)
        return decode(path, height=height, width=width)

    monkeypatch.setattr(image_files, "read_image", counting)
    stream = image_files.read_images([str(path) for path in files], **SIZE)
    next(stream)
    stream.close()
    assert len(read) <= threads._AHEAD + 1


def test_broken_images_are_refused_by_name_or_left_out(
    files: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    files[1].write_bytes(b"")
    records = records_of(files)
    with pytest.raises(InputError) as caught:
        image_files.load(records, **SIZE)
    assert files[1].name in str(caught.value)
    assert f"1 such images of {len(files)}" in str(caught.value)
    assert "data.broken=skip" in str(caught.value)
    loaded = image_files.load(records, **SIZE, skip_broken=True)
    others = [str(file) for file in files if file != files[1]]
    assert loaded.paths.tolist() == others
    assert loaded.pixels is not None
    whole = image_files.load(records_of([Path(path) for path in others]), **SIZE)
    np.testing.assert_array_equal(loaded.pixels, whole.pixels)
    assert f"Skipped: {files[1]}" in caplog.text
    expected = [file != files[1] for file in files]
    assert image_files.readable(records, skip_broken=True).tolist() == expected


def test_nothing_but_broken_images_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "1.png"
    empty.touch()
    with pytest.raises(InputError, match="none of 1 images can be read"):
        image_files.load(records_of([empty]), **SIZE, skip_broken=True)
