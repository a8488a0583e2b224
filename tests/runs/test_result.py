from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from finished import finished

from ddag.machine.errors import InputError
from ddag.runs.result import Result

RESULT = finished(0.5, features=("feat", "feat_att"), protocol={"dataset": "regdb", "trial": 1})


@pytest.mark.parametrize("untrained", [None, {"feat": {"rank1": 0.1}}])
def test_a_result_comes_back_as_it_was_written(tmp_path: Path, untrained: dict | None) -> None:
    whole = replace(RESULT, untrained=untrained, warnings=("a branch is dead",))
    whole.write(tmp_path)
    assert Result.read(tmp_path / "result.json") == whole
    stored = json.loads((tmp_path / "result.json").read_text())
    assert ("untrained" in stored) == (untrained is not None)


@pytest.mark.parametrize(
    "change",
    [
        {"score": "good"},
        {"score": None},
        {"monitor": 3},
        {"monitor": "feat_other/rank1"},
        {"metrics": []},
        {"metrics": {"feat": 1}},
        {"cmc": {"feat_att": "0.5"}},
        {"protocol": "regdb"},
        {"checkpoint": None},
        {"untrained": {"feat": [1]}},
        {"warnings": "none"},
        {"warnings": [3]},
    ],
)
def test_a_value_of_another_type_is_refused_with_the_files_name(
    tmp_path: Path, change: dict
) -> None:
    RESULT.write(tmp_path)
    file = tmp_path / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(InputError) as caught:
        Result.read(file)
    assert str(caught.value).startswith(f"{file}: is no result of a run")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"score": 1}'])
def test_a_file_of_something_else_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "result.json"
    file.write_text(content)
    with pytest.raises(InputError, match="is no result of a run"):
        Result.read(file)


def test_a_result_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        RESULT.write(tmp_path / "file" / "run")
