"""CSV files as exports really are."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from assay.data.tables import open_table
from assay.errors import BadInput, EmptyDataset, UnreadableFile


def _rows(path: Path) -> list[dict[str, object]]:
    return [row for batch in open_table(path).batches() for row in batch.to_pylist()]


def _file(folder: Path, data: bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_everything_is_text_and_leading_zeros_stay(tmp_path: Path) -> None:
    assert _rows(_file(tmp_path, b"zip,n\n02139,007\n")) == [{"zip": "02139", "n": "007"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    data = f"a{delimiter}b\n1{delimiter}2\n3{delimiter}4\n".encode()
    assert _rows(_file(tmp_path, data)) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_a_decimal_comma_is_no_delimiter(tmp_path: Path) -> None:
    assert _rows(_file(tmp_path, b"a;b\n1,5;2,5\n"))[0] == {"a": "1,5", "b": "2,5"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    data = "größe,ort\n1,Köln\n".encode(encoding)
    assert _rows(_file(tmp_path, data)) == [{"größe": "1", "ort": "Köln"}]


def test_latin_1_far_behind_the_start_is_found(tmp_path: Path) -> None:
    data = b"a,b\n" + b"1,2\n" * 500_000 + "3,é\n".encode("latin-1")
    assert _rows(_file(tmp_path, data))[-1] == {"a": "3", "b": "é"}


def test_headers_are_made_distinct(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, b"a,a,,a (2),a\n1,2,3,4,5\n"))
    assert table.schema.names == ["a", "a (2)", "column_3", "a (2) (2)", "a (3)"]


def test_empty_is_null_and_quoted_empty_is_text(tmp_path: Path) -> None:
    assert _rows(_file(tmp_path, b'a,b\n,""\n')) == [{"a": None, "b": ""}]


def test_quoted_values_hold_delimiters_and_line_breaks(tmp_path: Path) -> None:
    assert _rows(_file(tmp_path, b'a,b\n"x,y","p\nq"\n')) == [{"a": "x,y", "b": "p\nq"}]


def test_a_row_longer_than_a_block_is_read(tmp_path: Path) -> None:
    data = b"a,b\n1,2\n" + b"3," + b"x" * (9 << 20) + b"\n5,6\n"
    rows = _rows(_file(tmp_path, data))
    assert [row["a"] for row in rows] == ["1", "3", "5"]


def test_some_columns_can_be_asked_for(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, b"a,b,c\n1,2,3\n"))
    assert [batch.to_pylist() for batch in table.batches(("c", "a"))] == [[{"c": "3", "a": "1"}]]


def test_a_table_can_be_read_twice(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, b"a\n1\n"))
    assert list(table.batches()) == list(table.batches())


def test_no_rows_is_allowed(tmp_path: Path) -> None:
    path = _file(tmp_path, b"a,b\n")
    assert _rows(path) == []
    assert open_table(path).schema == pa.schema([("a", pa.string()), ("b", pa.string())])


@pytest.mark.parametrize(("row", "values"), [(b"3", 1), (b"3,4,5", 3)])
def test_a_ragged_row_is_named_by_its_line_and_not_quoted(
    tmp_path: Path, row: bytes, values: int
) -> None:
    path = _file(tmp_path, b"a,b\n1,2\n" + row + b"\n")
    with pytest.raises(UnreadableFile, match=rf"t\.csv, line 3: {values} values under 2 headers"):
        _rows(path)


@pytest.mark.parametrize(
    "data", [b"PAR1\x00\x01", b"\x89PNG\r\n\x1a\n\x00", b"a,b\n\x00\x01\x02\n"]
)
def test_binary_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableFile, match="not text but binary"):
        open_table(_file(tmp_path, data))


@pytest.mark.parametrize("data", [b"", b"\n\n\n", b",,\n1,2,3\n"])
def test_a_file_without_columns_is_empty(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(EmptyDataset, match=r"t\.csv"):
        open_table(_file(tmp_path, data))


def test_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no key opens"):
        open_table(_file(tmp_path, b"a\n1\n"), key=bytes(16))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="There is no file"):
        open_table(tmp_path / "gone.csv")


def test_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(UnreadableFile, match="is a directory"):
        open_table(tmp_path / "d.csv")


def test_a_file_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, b"a\n1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        # The superuser reads all the same; the refusal of the system is played back.
        monkeypatch.setattr(Path, "open", _refuse)
    with pytest.raises(UnreadableFile, match="may not be read by this user"):
        open_table(path)


def _refuse(path: Path, *_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied", str(path))


def test_bytes_that_are_no_text_are_named_and_not_read_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"\xff\xfe\x00\x80" * 50)
    with pytest.raises(BadInput):
        list(open_table(path).batches())
