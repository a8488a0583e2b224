from __future__ import annotations

from ddag.people.person import Pose, random_person
from ddag.people.silhouette import part_map

POSE = Pose(yaw=0.2, phase=1.0, scale=1.0, right=0.0, down=0.0)


def test_everyone_has_a_silhouette_of_their_own() -> None:
    silhouettes = {part_map(random_person(0, i), POSE).tobytes() for i in range(100)}
    assert len(silhouettes) == 100
