from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from ddag.datasets.table import COLUMNS, Row, Split, read_table
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

HEADER = ",".join(COLUMNS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def refusal(file: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_table(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_line_is_an_image(file: Path) -> None:
    file.write_text(f"{HEADER}\na/1.png,12,3,infrared,gallery\n")
    row = Row(2, "a/1.png", 12, 3, Modality.infrared, Split.gallery)
    assert read_table(file) == [row]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffpath,identity,camera,modality,split\na.png,1,2,visible,train",
        "path,identity,camera,modality,split\r\na.png,1,2,visible,train\r\n",
        "\n\npath,identity,camera,modality,split\n\n , ,,,\na.png,1,2,visible,train\n\n",
        "split,note,modality,camera,identity,path\ntrain,x,visible,2,1,a.png\n",
        " path , identity,camera,modality,split\na.png , 1 ,2, visible,train\n",
        '"path","identity",camera,modality,split\n"a.png","1",2,"visible",train\n',
        "path,identity,camera,modality,split,,\n./a.png,01,2,visible,train,,\n",
    ],
)
def test_what_spreadsheets_write_is_read(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    (row,) = read_table(file)
    assert row[1:] == ("a.png", 1, 2, Modality.visible, Split.train)


def test_a_path_in_quotes_holds_commas_and_any_letters(file: Path) -> None:
    file.write_text(f'{HEADER}\n"Ä b/1,2.png",1,2,visible,train\n', encoding="utf-8")
    assert read_table(file)[0].path == "Ä b/1,2.png"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.png,1,2,visible", "has 4 cells, the first line 5"),
        ("a,b.png,1,2,visible,train", "has 6 cells, the first line 5; put a path that holds a"),
        ("a.png,x,2,visible,train", "identity='x': use a whole number"),
        ("a.png,-1,2,visible,train", "identity='-1': use a whole number"),
        ("a.png,1.0,2,visible,train", "identity='1.0': use a whole number"),
        (f"a.png,{2**63},2,visible,train", f"identity='{2**63}': use a whole number"),
        (f"a.png,{'9' * 5000},2,visible,train", "use a whole number"),
        ("a.png,1,,visible,train", "camera='': use a whole number"),
        ("a.png,1,2,thermal,train", "modality='thermal': no such modality; use visible or inf"),
        ("a.png,1,2,visible,test", "split='test': no such split; use train or query or gallery"),
        ("../a.png,1,2,visible,train", "path='../a.png': leads out of the data set"),
        ("a/../../b.png,1,2,visible,train", "leads out of the data set"),
        ("/etc/a.png,1,2,visible,train", "path='/etc/a.png': leads out of the data set"),
        (",1,2,visible,train", "path='': names no file"),
        (".,1,2,visible,train", "path='.': names no file"),
        ('"a.png,1,2,visible,train', "is no line of a CSV file"),
        ('"a"b.png,1,2,visible,train', "is no line of a CSV file"),
        ('"a\n.png",1,2,visible,train', "a cell goes over several lines"),
        ("one.png,1,2,visible,train", "'one.png' is in the train by line 2 already"),
        ("one.png,2,2,visible,query", "'one.png' has another identity, camera or modality in line"),
        ("./one.png,1,2,infrared,train", "'one.png' has another identity, camera or modality"),
    ],
    ids=lambda text: text[:30],
)
def test_a_line_that_does_not_fit_is_named_by_number(file: Path, line: str, said: str) -> None:
    file.write_text(f"{HEADER}\none.png,1,2,visible,train\n\n{line}\n")
    message = refusal(file)
    assert message.startswith(f"{file}:4: ")
    assert said in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ":1: the table is empty; begin it with path,identity"),
        (b"\n \n", ":1: the table is empty"),
        (b"path,identity,camera,split\n", ":1: has no column modality among"),
        (b"path;identity;camera;modality;split\n", ":1: has no column path, identity, camera,"),
        (b"a.png,1,2,visible,train\n", ":1: has no column path"),
        (b"\npath,identity,camera,modality,split,path\n", ":2: names the column path twice"),
        (HEADER.encode() + b"\na\0.png,1,2,visible,train", ":2: holds a NUL byte"),
        (HEADER.encode() + b"\n\n\xff.png,1,2,visible,train", ":3: is not UTF-8"),
        (HEADER.encode("utf-16"), ":1: holds a NUL byte"),
        (HEADER.encode() + b'\n"' + b"a" * 200_000, ":2: is no line of a CSV file"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    assert refusal(file).startswith(f"{file}{said}")


def test_a_folder_or_nothing_in_place_of_the_table_is_refused(file: Path) -> None:
    assert refusal(file).startswith(f"{file}: no such file")
    assert "cannot be read" in refusal(file.with_name("x" * 300))
    assert "cannot be read" in refusal(file.with_name("a\0b"))
    file.mkdir()
    assert refusal(file).startswith(f"{file}: is a folder")
    assert "no such file" in refusal(Path(__file__) / "table.csv")


def test_a_pipe_in_place_of_the_table_is_refused_and_not_waited_for(file: Path) -> None:
    os.mkfifo(file)
    assert refusal(file).startswith(f"{file}: is a pipe, a socket or a device")


def test_a_message_is_short_however_long_the_line(file: Path) -> None:
    long = "x" * 100_000
    for start in (f"../{long},1", f"a.png,{long}", f"{long},1"):
        line = f"{start},2,visible,train"
        file.write_text(f"{HEADER}\n{line}\n")
        assert len(refusal(file)) < 400
    file.write_text(long)
    assert len(refusal(file)) < 400


def test_a_path_longer_than_any_is_refused_before_an_array_of_such_is_made(file: Path) -> None:
    file.write_text(f"{HEADER}\n{'x/' * 3000}a.png,1,2,visible,train\n")
    assert "is too long for a path" in refusal(file)


CELLS = st.one_of(
    st.sampled_from(["a.png", "1", "visible", "infrared", "train", "query", '"', ",", "\r", "\n"]),
    st.text(max_size=4),
)


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
@hypothesis.given(st.lists(st.lists(CELLS, max_size=6), max_size=6))
def test_any_table_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    text = "\n".join(",".join(cells) for cells in rows)
    file.write_bytes(f"{HEADER}\n{text}".encode("utf-8", "surrogatepass"))
    try:
        found = read_table(file)
    except InputError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017, any of many
    else:
        assert all(isinstance(row, Row) for row in found)
