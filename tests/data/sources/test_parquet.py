"""Parquet files: streamed, named, opened with their key, and refused when they are not whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from assay.data.tables import open_table
from assay.errors import BadInput, EmptyDataset, UnknownFormat, UnreadableFile

KEY = bytes(range(16))


def _written(folder: Path, table: pa.Table) -> Path:
    path = folder / "t.parquet"
    pq.write_table(table, path, row_group_size=1000)
    return path


def _encrypted(folder: Path) -> Path:
    path = folder / "t.parquet"
    properties = pe.create_encryption_properties(KEY)
    with pq.ParquetWriter(
        path, pa.schema([("a", pa.int64())]), encryption_properties=properties
    ) as writer:
        writer.write_table(pa.table({"a": [1, 2]}))
    return path


def test_all_rows_come_in_order(tmp_path: Path) -> None:
    table = open_table(_written(tmp_path, pa.table({"a": range(5000)})))
    assert table.row_count == 5000
    assert [v for batch in table.batches() for v in batch.column(0).to_pylist()] == [*range(5000)]


@pytest.mark.parametrize("names", [["a", "b"], ["a.b", "c"], ["a", "a"], ["", "x"]])
def test_columns_can_be_asked_for_under_every_kind_of_name(
    tmp_path: Path, names: list[str]
) -> None:
    columns = [pa.array([1, 2]), pa.array(["x", "y"])]
    table = open_table(_written(tmp_path, pa.table(columns, names=names)))
    second = table.schema.names[1]
    assert [b.to_pylist() for b in table.batches((second,))] == [[{second: "x"}, {second: "y"}]]


def test_names_follow_the_rule(tmp_path: Path) -> None:
    columns = [pa.array([1])] * 3
    table = open_table(_written(tmp_path, pa.table(columns, names=["a", "", "a"])))
    assert table.schema.names == ["a", "column_2", "a (2)"]
    assert table.name == "t"


def test_an_encrypted_file_opens_with_its_key(tmp_path: Path) -> None:
    table = open_table(_encrypted(tmp_path), key=KEY)
    assert [b.to_pylist() for b in table.batches()] == [[{"a": 1}, {"a": 2}]]


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "is encrypted Parquet"), (bytes(16), "cannot be opened with this key")],
)
def test_an_encrypted_file_stays_shut_without_its_key(
    tmp_path: Path, key: bytes | None, message: str
) -> None:
    with pytest.raises(UnreadableFile, match=message):
        open_table(_encrypted(tmp_path), key=key)


def test_a_key_for_a_plain_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be opened with this key"):
        open_table(_written(tmp_path, pa.table({"a": [1]})), key=KEY)


def test_a_key_of_another_length_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="16, 24 or 32 bytes, this one 5") as caught:
        open_table(_encrypted(tmp_path), key=b"hello")
    assert "hello" not in str(caught.value)


def test_no_rows_is_allowed_and_no_columns_is_empty(tmp_path: Path) -> None:
    assert open_table(_written(tmp_path, pa.table({"a": pa.array([], pa.int8())}))).row_count == 0
    with pytest.raises(EmptyDataset, match="holds no columns"):
        open_table(_written(tmp_path, pa.table({})))


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"")
    with pytest.raises(EmptyDataset, match="is empty"):
        open_table(tmp_path / "t.parquet")


def test_what_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(UnreadableFile, match="is not Parquet, although its name says so"):
        open_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("kept", [4, 5, 20, 100])
def test_a_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    path = _written(tmp_path, pa.table({"a": range(100)}))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableFile, match="footer cannot be read"):
        open_table(path)


def test_a_damaged_row_group_is_named(tmp_path: Path) -> None:
    path = _written(tmp_path, pa.table({"a": [f"value {n}" for n in range(1000)]}))
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match="row group cannot be decoded"):
        list(open_table(path).batches())


def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"\.csv, .*\.parquet"):
        open_table(tmp_path / "t.xlsx")
