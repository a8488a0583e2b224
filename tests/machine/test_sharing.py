from __future__ import annotations

import pytest

from ddag.machine.errors import InputError
from ddag.machine.sharing import COUNT, DEVICE, INDEX, ROLE, Share, device_offset, of_environment


def test_the_processes_rows_one_after_the_other_are_all_of_them() -> None:
    rows = [list(range(12))[Share(index, 4).rows(12)] for index in range(4)]
    assert [row for own in rows for row in own] == list(range(12))
    assert {len(own) for own in rows} == {3}


def test_alone_all_rows_are_ones_own() -> None:
    assert list(range(5))[Share().rows(5)] == list(range(5))
    assert Share().first


def test_rows_that_do_not_divide_are_refused_by_the_names_of_the_settings() -> None:
    with pytest.raises(InputError) as caught:
        Share(0, 3).rows(8)
    said = str(caught.value)
    for name in ("device.workers=3", "sampler.identities", "sampler.images"):
        assert name in said
    assert "\n" not in said


def test_the_environment_says_which_process_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROLE, raising=False)
    monkeypatch.setenv(DEVICE, "3")
    assert (of_environment(), device_offset()) == (Share(), 0)
    for name, value in ((ROLE, "MS_WORKER"), (COUNT, "4"), (INDEX, "3")):
        monkeypatch.setenv(name, value)
    assert (of_environment(), device_offset()) == (Share(3, 4), 3)


@pytest.mark.parametrize(("count", "index"), [("4", ""), ("4", "4"), ("x", "0"), ("0", "0")])
def test_a_process_that_does_not_know_which_it_is_is_refused(
    monkeypatch: pytest.MonkeyPatch, count: str, index: str
) -> None:
    for name, value in ((ROLE, "MS_WORKER"), (COUNT, count), (INDEX, index)):
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="MS_"):
        of_environment()
