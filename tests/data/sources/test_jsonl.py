"""JSON Lines: flattened, typed over all lines, errors by line."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from assay.data.tables import open_table
from assay.errors import BadInput, EmptyDataset, UnreadableFile


def _file(folder: Path, text: str) -> Path:
    path = folder / "t.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_nested_objects_are_flattened_and_lists_are_json(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, '{"payload":{"user":{"mail":"a@b.org"}},"tags":["x",1]}\n'))
    assert [row for batch in table.batches() for row in batch.to_pylist()] == [
        {"payload.user.mail": "a@b.org", "tags": '["x", 1]'}
    ]


def test_columns_and_types_come_from_all_lines(tmp_path: Path) -> None:
    text = '{"a":1}\n\n{"a":2.5,"b":true}\n{"a":null,"b":false,"c":"x"}\n{"c":7,"d":null}\n'
    table = open_table(_file(tmp_path, text))
    assert table.row_count == 4
    assert table.schema == pa.schema(
        [("a", pa.float64()), ("b", pa.bool_()), ("c", pa.string()), ("d", pa.null())]
    )
    assert [batch.column(2).to_pylist() for batch in table.batches()] == [[None, None, "x", "7"]]


def test_a_dotted_name_and_a_path_stay_apart(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, '{"a.b":1,"a":{"b":2}}\n'))
    assert [b.to_pylist() for b in table.batches()] == [[{"a.b": 1, "a.b (2)": 2}]]


def test_large_integers_stay_exact_as_text(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, '{"n":123456789012345678901234567890}\n'))
    assert [b.to_pylist() for b in table.batches()] == [[{"n": "123456789012345678901234567890"}]]


def test_some_columns_can_be_asked_for(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, '{"a":1,"b":2}\n'))
    assert [b.to_pylist() for b in table.batches(("b",))] == [[{"b": 2}]]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{nope", "not JSON"),
        ("[1]", "no object"),
        ('"x"', "no object"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"t\.jsonl, line 2: {why}"):
        open_table(_file(tmp_path, f'{{"a":1}}\n{line}\n'))


def test_bytes_that_are_not_utf_8_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":"\xff\xfe"}\n')
    with pytest.raises(UnreadableFile, match="line 2"):
        open_table(path)


@pytest.mark.parametrize("text", ["", "\n\n", "{}\n{}\n"])
def test_no_columns_is_empty(tmp_path: Path, text: str) -> None:
    with pytest.raises(EmptyDataset):
        open_table(_file(tmp_path, text))


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = _file(tmp_path, '{"a":1}\n')
    table = open_table(path)
    path.write_text('{"a":"text"}\n', encoding="utf-8")
    with pytest.raises(UnreadableFile, match="changed while it was read"):
        list(table.batches())


def test_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no key opens"):
        open_table(_file(tmp_path, '{"a":1}\n'), key=bytes(16))
