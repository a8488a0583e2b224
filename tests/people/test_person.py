from __future__ import annotations

import numpy as np

from ddag.people.person import Part, random_person


def test_reflectance_does_not_follow_the_colours() -> None:
    people = [random_person(0, i) for i in range(300)]
    for part in (Part.UPPER, Part.LOWER, Part.BAG, Part.HAIR, Part.SHOES):
        colours = np.array([person.colours[part] for person in people], float)
        reflectance = np.array([person.reflectance[part] for person in people], float)
        correlation = np.corrcoef(np.column_stack([colours, reflectance]), rowvar=False)
        # Of 300 independent draws, one beyond 0.2 comes up less than once in 1000.
        assert abs(correlation[-1, :-1]).max() < 0.2


def test_a_print_brighter_for_one_camera_may_be_darker_for_the_other() -> None:
    people = [random_person(0, i) for i in range(60)]
    steps = np.array(
        [
            (
                person.colours[Part.UPPER_PRINT].max() > person.colours[Part.UPPER].max(),
                person.reflectance[Part.UPPER_PRINT] > person.reflectance[Part.UPPER],
            )
            for person in people
        ]
    )
    assert len(np.unique(steps, axis=0)) == 4
