"""Camera and time of a gallery's images, by their names or a table."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

import numpy as np
import pytest

from ddag.machine.errors import InputError
from ddag.serve import labels
from ddag.serve.labels import Wanted

NAMES = ["cam1/a.png", "cam2/b.png", "c.png"]


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("cam3/0001/0001.jpg", "3"),
        ("0002_c1s1_000451_03.jpg", "1"),
        ("0007_c04_s12_f2.png", "4"),
        ("day/camera-12/x.png", "12"),
        ("Cam_07.bmp", "7"),
        ("cam1/moved/c2_1.png", "2"),
        ("0001.jpg", None),
        ("scam1/abc2.png", None),
        ("c12345.png", None),
    ],
)
def test_a_camera_is_read_from_a_name(name: str, camera: Optional[str]) -> None:
    assert labels.camera_in(name) == camera


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("2024-05-17_13-45-02.png", datetime(2024, 5, 17, 13, 45, 2)),
        ("a/20240517T134502_7.png", datetime(2024, 5, 17, 13, 45, 2)),
        ("20240517134502.png", datetime(2024, 5, 17, 13, 45, 2)),
        ("2024-05-17 13.45.png", datetime(2024, 5, 17, 13, 45)),
        ("2024.05.17/3.png", datetime(2024, 5, 17)),
        ("20240517/20240518_01.png", datetime(2024, 5, 18)),
        ("2024-02-31.png", None),
        ("2024-05-17_25-00-00.png", None),
        ("120240517.png", None),
        ("0001.png", None),
    ],
)
def test_a_time_is_read_from_a_name(name: str, time: Optional[datetime]) -> None:
    assert labels.time_in(name) == time


def test_a_table_goes_before_names(tmp_path: Path) -> None:
    (tmp_path / labels.TABLE).write_text(
        "\ufeffPath,time,camera\n"
        "cam1/a.png,2024-05-17T13:45:02Z,Entrance\n\n"
        'c.png,,"Hall, left"\n'
        "cam2/b.png,2024-05-18 09:00,\n"
        "not_here.png,,9\n"
    )
    found = labels.read(tmp_path, NAMES)
    assert [found.camera_of(row) for row in range(3)] == ["Entrance", "2", "Hall, left"]
    assert [found.time_of(row) for row in range(3)] == [
        "2024-05-17T13:45:02", "2024-05-18T09:00:00", None,
    ]  # fmt: skip
    assert found.cameras == ("2", "Entrance", "Hall, left")
    assert found.span == ("2024-05-17T13:45:02", "2024-05-18T09:00:00")


def test_without_a_table_names_alone_tell(tmp_path: Path) -> None:
    found = labels.read(tmp_path, ["c10_1.png", "c9_1.png", "x.png"])
    assert found.cameras == ("9", "10")
    assert found.camera.tolist() == [1, 0, -1]
    assert found.span is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "1: has other columns"),
        ("path\n", "1: has other columns: 'path'; its columns are path and camera, time or both"),
        ("path,camera\na.png\n", "2: has 1 cells, the first line 2"),
        ("path,time\na.png,yesterday\n", "2: time='yesterday': is no time; write it like 2024"),
        ("path,time\na.png,2024-02-31\n", "2: time='2024-02-31': is no time"),
        ('path,camera\n"a.png,1\n', "is no table of a gallery"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / labels.TABLE).write_text(table)
    with pytest.raises(InputError) as refused:
        labels.read(tmp_path, NAMES)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_table_that_is_a_folder_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / labels.TABLE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"gallery\.csv: cannot be read"):
        labels.read(tmp_path, NAMES)
    (tmp_path / labels.TABLE).unlink()
    (tmp_path / labels.TABLE).mkdir()
    with pytest.raises(InputError, match=r"gallery\.csv: is a folder"):
        labels.read(tmp_path, NAMES)


def test_rows_are_those_of_the_cameras_and_times_asked_for(tmp_path: Path) -> None:
    names = [f"cam{camera}/2024-05-0{day}_12-00.png" for camera in (1, 2) for day in (1, 2)]
    found = labels.read(tmp_path, [*names, "cam1/x.png"])

    def rows(*cameras: str, since: Optional[datetime] = None, until: Optional[datetime] = None):  # type: ignore[no-untyped-def]
        chosen = found.rows(Wanted(cameras, since, until))
        return None if chosen is None else chosen.tolist()

    noon = datetime(2024, 5, 2, 12)
    assert rows() is None
    assert rows("1") == [0, 1, 4]
    assert rows("1", "2", since=noon) == [1, 3]
    assert rows(until=noon) == [0, 1, 2, 3]
    assert rows("2", since=noon, until=noon) == [3]
    # A clock at the camera shows no time zone: what is asked for is taken as it is written.
    assert rows(since=noon.replace(tzinfo=timezone.utc)) == [1, 3]
    assert rows(since=datetime(9999, 1, 1)) == []
    with pytest.raises(InputError, match=r"^camera='3': no such camera; use one of 1, 2$"):
        rows("3")


def test_without_any_camera_none_can_be_asked_for(tmp_path: Path) -> None:
    found = labels.read(tmp_path, ["a.png"])
    assert found.camera.dtype == np.int32
    with pytest.raises(InputError, match="none is known in this gallery"):
        found.rows(Wanted(("1",)))
