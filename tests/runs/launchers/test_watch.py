"""Jobs seen through to their ends, by a launcher whose jobs are objects of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from finished import finished
from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from ddag.runs.launchers import watch
from ddag.runs.launchers.job import Job, dead


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PAUSE", 0.0)


def job(number: int, folder: Path) -> Job:
    words = {"hydra": {"overrides": {"task": [f"seed={number}"]}}}
    return Job(number, OmegaConf.create(words), folder / str(number))


class Sent(watch.Sent):
    """A job that is over when it has been looked at so often."""

    looks = 3
    stopped = False

    def is_over(self) -> bool:
        self.looks -= 1
        return self.looks <= 0

    def outcome(self) -> JobReturn:
        return JobReturn(overrides=[str(self.job.number)])

    def stop(self) -> None:
        self.stopped = True

    def show(self) -> None:
        """Nothing."""


def sender(sent: list[Sent], most: int) -> Callable[[Job], Sent]:
    def send(job: Job) -> Sent:
        sent.append(Sent(job))
        assert sum(each.looks > 0 for each in sent) <= most
        return sent[-1]

    return send


def test_jobs_are_sent_as_places_get_free_and_come_back_in_order(tmp_path: Path) -> None:
    sent: list[Sent] = []
    jobs = [job(number, tmp_path) for number in range(5)]
    returned = watch.see_through(jobs, sender(sent, 2), at_once=2)
    assert [each.overrides for each in returned] == [["0"], ["1"], ["2"], ["3"], ["4"]]
    assert not any(each.stopped for each in sent)


def test_a_sweep_that_is_stopped_stops_its_jobs_and_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Sent] = []

    is_over = Sent.is_over

    def interrupted(self: Sent) -> bool:
        if not self.stopped:
            raise KeyboardInterrupt
        return is_over(self)

    monkeypatch.setattr(Sent, "is_over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch.see_through([job(0, tmp_path), job(1, tmp_path)], sender(sent, 2), at_once=2)
    assert [(each.stopped, each.looks) for each in sent] == [(True, 0), (True, 0)]


def test_a_dead_job_leaves_its_reason(tmp_path: Path) -> None:
    returned = dead(job(3, tmp_path), "killed")
    assert returned.return_value is None
    assert returned.overrides == ["seed=3"]
    assert (tmp_path / "3" / "error.txt").read_text() == "killed\n"


def test_a_job_that_died_after_its_result_was_there_is_finished(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    result = finished(0.25, protocol={"dataset": "synthetic", "trial": 1})
    result.write(tmp_path / "3")
    assert dead(job(3, tmp_path), "killed").return_value == result.score
    assert not (tmp_path / "3" / "error.txt").exists()


def test_what_a_job_prints_is_shown_line_by_line_with_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.out"
    shown = watch.Log(path, "[7] ")
    shown.show()  # not there yet
    path.write_bytes(b"epoch 1\n[7] epoch 2\nepo")
    shown.show()
    with path.open("ab") as file:
        file.write(b"ch \xff3\n")
    shown.show()
    path.write_bytes(b"again\n")  # requeued, it is written anew
    shown.show()
    assert capsys.readouterr().out == "[7] epoch 1\n[7] epoch 2\n[7] epoch \ufffd3\n[7] again\n"
