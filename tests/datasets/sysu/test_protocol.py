from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ddag.data.records import Records, TestSet
from ddag.datasets.sysu.protocol import Gallery, Search, exclude_same_room, read_test
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "protocol_sysu.json").read_text())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The made-up listing of the reference, in empty files."""
    for camera in range(1, 7):
        (tmp_path / f"cam{camera}").mkdir()
    for folder, names in REFERENCE["files"].items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp/test_id.txt").write_text(REFERENCE["test_id_txt"])
    return tmp_path


def gallery_names(root: Path, test: TestSet, trial: int) -> list[str]:
    paths = test.gallery.paths[test.trials[trial]]
    return [path[len(str(root)) + 1 :] for path in paths]


def write_permutations(root: Path, trials: int = 10, **changes: np.ndarray) -> np.ndarray:
    """A rand_perm_cam.mat for the listing; returns its cells."""
    generator = np.random.default_rng(0)
    cells = np.empty((6, 1), object)
    for camera in range(1, 7):
        people = np.empty((600, 1), object)
        for identity in range(1, 601):
            count = len(REFERENCE["files"].get(f"cam{camera}/{identity:04d}", []))
            rows = [generator.permutation(count) + 1 for _ in range(trials)]
            people[identity - 1, 0] = np.array(rows, np.uint8) if count else np.zeros((0, 0))
        cells[camera - 1, 0] = people
    for folder, matrix in changes.items():
        camera, identity = (int(number) for number in folder[3:].split("_"))
        cells[camera - 1, 0][identity - 1, 0] = matrix
    savemat(str(root / "exp/rand_perm_cam.mat"), {"rand_perm_cam": cells})
    return cells


@pytest.mark.parametrize("search", Search)
def test_query_and_ten_galleries_are_the_originals(root: Path, search: Search) -> None:
    test = read_test(root, search=search, shots=1)
    query = [path[len(str(root)) + 1 :] for path in test.query.paths]
    assert query == REFERENCE["query"][search.value]
    assert len(test.trials) == 10
    for trial in range(10):
        assert gallery_names(root, test, trial) == REFERENCE["gallery"][search.value][str(trial)]


def test_trials_can_be_picked(root: Path) -> None:
    test = read_test(root, search=Search.all, shots=1, trials=[7])
    assert gallery_names(root, test, 0) == REFERENCE["gallery"]["all"]["7"]
    assert len(test.gallery) == len(test.trials[0])


def test_the_gallery_holds_each_image_once_in_sorted_order(root: Path) -> None:
    test = read_test(root, search=Search.all, shots=1)
    assert test.gallery.paths.tolist() == sorted(set(test.gallery.paths.tolist()))
    held = np.unique(np.concatenate(test.trials))
    np.testing.assert_array_equal(held, np.arange(len(test.gallery)))


def test_identity_camera_and_modality_come_from_the_folders(root: Path) -> None:
    test = read_test(root, search=Search.all, shots=1)
    for records, modality in ((test.query, Modality.infrared), (test.gallery, Modality.visible)):
        assert records.modality is modality
        folders = [Path(path).parent for path in records.paths]
        assert records.identities.tolist() == [int(folder.name) for folder in folders]
        assert records.cameras.tolist() == [int(folder.parent.name[3:]) for folder in folders]


def test_drawing_leaves_the_global_random_state_alone(root: Path) -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    read_test(root, search=Search.all, shots=10)
    assert random.random() == expected


def test_multi_shot_draws_up_to_ten_different_images(root: Path) -> None:
    test = read_test(root, search=Search.indoor, shots=10)
    files = {f: names for f, names in REFERENCE["files"].items() if f[:4] in ("cam1", "cam2")}
    for folder in files:
        drawn = [name for name in gallery_names(root, test, 3) if name.startswith(folder)]
        assert len(drawn) == len(set(drawn)) == min(10, len(files[folder]))


def test_multi_shot_of_a_full_folder_is_random_sample_seeded_by_the_trial(root: Path) -> None:
    first = root / "cam1/0014"  # the first draw of a trial
    names = [f"{number:04d}.jpg" for number in range(1, 31)]
    for name in names:
        (first / name).touch()
    names = sorted(file.name for file in first.iterdir())
    test = read_test(root, search=Search.all, shots=10, trials=[4])
    expected = random.Random(4).sample(names, 10)
    assert gallery_names(root, test, 0)[:10] == [f"cam1/0014/{name}" for name in expected]


@pytest.mark.parametrize("shots", [1, 10])
def test_official_gallery_takes_the_first_shots_of_the_trials_row(root: Path, shots: int) -> None:
    cells = write_permutations(root)
    test = read_test(root, search=Search.all, shots=shots, gallery=Gallery.official)
    expected = []
    for identity in sorted(int(word) for word in REFERENCE["test_id_txt"].split(",")):
        for camera in (1, 2, 4, 5):
            names = REFERENCE["files"].get(f"cam{camera}/{identity:04d}", [])
            if names:
                row = cells[camera - 1, 0][identity - 1, 0][6][:shots]
                expected += [f"cam{camera}/{identity:04d}/{names[n - 1]}" for n in row]
    assert gallery_names(root, test, 6) == expected


def test_official_gallery_without_its_file_says_where_it_is(root: Path) -> None:
    with pytest.raises(InputError, match=r"dataset.gallery=official: no file .*data_split"):
        read_test(root, search=Search.all, shots=1, gallery=Gallery.official)


def test_official_gallery_refuses_a_file_of_something_else(root: Path) -> None:
    file = root / "exp/rand_perm_cam.mat"
    for content in (b"", b"no MATLAB file at all, but long enough to hold its header" * 9):
        file.write_bytes(content)
        with pytest.raises(InputError, match="no readable cell rand_perm_cam"):
            read_test(root, search=Search.all, shots=1, gallery=Gallery.official)
    savemat(str(file), {"another": np.eye(2)})
    with pytest.raises(InputError, match="no readable cell rand_perm_cam"):
        read_test(root, search=Search.all, shots=1, gallery=Gallery.official)
    savemat(str(file), {"rand_perm_cam": np.eye(2)})
    with pytest.raises(InputError, match="has no row 1 for camera 1, identity 14"):
        read_test(root, search=Search.all, shots=1, gallery=Gallery.official)


def test_official_gallery_refuses_permutations_of_other_images(root: Path) -> None:
    write_permutations(root, cam2_68=np.full((10, 1), 99))
    with pytest.raises(InputError, match=r"does not fit the 4 images in .*cam2/0068"):
        read_test(root, search=Search.all, shots=1, gallery=Gallery.official)


def test_official_gallery_refuses_a_trial_that_it_does_not_hold(root: Path) -> None:
    write_permutations(root, trials=2)
    with pytest.raises(InputError, match="has no row 3"):
        read_test(root, search=Search.all, shots=1, gallery=Gallery.official)


@pytest.mark.parametrize(
    ("cameras", "fault"), [((3, 6), "cameras 3 and 6"), ((1, 2), "the indoor gallery's cameras")]
)
def test_an_empty_query_or_gallery_is_refused(
    root: Path, cameras: tuple[int, ...], fault: str
) -> None:
    for camera in cameras:
        (root / f"cam{camera}").rename(root / f"old{camera}")
        (root / f"cam{camera}").mkdir()
    with pytest.raises(InputError, match=fault):
        read_test(root, search=Search.indoor, shots=1)


def test_a_selection_keeps_each_trials_images_that_stay(root: Path) -> None:
    test = read_test(root, search=Search.all, shots=1)
    mask = np.ones(len(test.gallery), bool)
    lost = test.trials[0][0]
    mask[lost] = False
    queries = np.arange(len(test.query)) > 0
    chosen = test.select(queries, mask)
    assert len(chosen.query) == len(test.query) - 1
    for before, after in zip(test.trials, chosen.trials):
        kept = test.gallery.paths[before[before != lost]]
        np.testing.assert_array_equal(chosen.gallery.paths[after], kept)


def test_only_queries_of_camera_3_pass_over_camera_2() -> None:
    def records(*cameras: int) -> Records:
        names = np.array([f"{camera}.jpg" for camera in cameras])
        return Records(names, np.ones(len(cameras), int), np.array(cameras), Modality.visible)

    excluded = exclude_same_room(records(3, 6), records(1, 2, 4, 2))
    assert excluded.tolist() == [[False, True, False, True], [False] * 4]
