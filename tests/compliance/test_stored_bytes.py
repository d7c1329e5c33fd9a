"""An encrypted file passes only when every one of its bytes belongs to an authenticated page."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from assay.compliance.checks import stored_bytes_encrypted
from assay.compliance.readers import stored_bytes
from assay.compliance.readers._parquet_layout import gaps
from assay.vocabulary import Finding, Status
from tests.compliance.scenes import found, good_world, put, scene_of

KEY = bytes(range(100, 132))
ROWS = 3000
TABLE = pa.table(
    {
        "number": list(range(ROWS)),
        "illness": [f"illness number {row % 40}" for row in range(ROWS)],
        "person": [f"person number {row}" for row in range(ROWS)],
        "pairs": [[row, row + 1] for row in range(ROWS)],
        "nothing": pa.array([None] * ROWS, pa.string()),
    }
)
STRANGER = b"Zoe Quill, 12 Elm Street, has a secret that nobody may read."


def sealed(table: pa.Table = TABLE, key: bytes = KEY, between: bytes = b"", **how: Any) -> bytes:
    """An encrypted file, with bytes between its row groups if given."""
    algorithm = how.pop("algorithm", "AES_GCM_V1")
    properties = encryption.create_encryption_properties(key, encryption_algorithm=algorithm)
    size = how.pop("row_group_size", None)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, encryption_properties=properties, **how) as writer:
        writer.write_table(table, row_group_size=size)
        if between:
            sink.write(between)
            writer.write_table(table, row_group_size=size)
    raw: bytes = sink.getvalue().to_pybytes()
    return raw


def before_footer(raw: bytes, extra: bytes) -> bytes:
    """The file with bytes between its last page and its footer."""
    at = len(raw) - 8 - struct.unpack("<I", raw[-8:-4])[0]
    return raw[:at] + extra + raw[at:]


def behind_footer(raw: bytes, extra: bytes) -> bytes:
    """The file with bytes at the end of its footer, which is made longer by as much."""
    size = struct.unpack("<I", raw[-8:-4])[0] + len(extra)
    return raw[:-8] + extra + struct.pack("<I", size) + raw[-4:]


def judged(folder: Path, raw: bytes, key: bytes = KEY) -> Finding:
    """What the check says of these bytes."""
    toml = good_world(folder)
    put(folder / "people.parquet", raw, 0o600)
    put(folder / "people.key", key, 0o600)
    return found(stored_bytes_encrypted.MEMBER, stored_bytes.MEMBER, toml)


WAYS: list[dict[str, Any]] = [
    {},
    {"use_dictionary": False},
    {"row_group_size": 700},
    {"compression": "none"},
    {"compression": "zstd", "row_group_size": 1000},
    {"data_page_version": "2.0"},
    {"data_page_size": 512},
    {"table": TABLE.slice(0, 0)},
    {"table": pa.table({"n": list(range(500))})},
]


@pytest.mark.parametrize("how", WAYS, ids=lambda how: "-".join(how) or "plain")
def test_a_file_whose_pages_tile_it_passes(how: dict[str, Any], tmp_path: Path) -> None:
    finding = judged(tmp_path, sealed(**how))
    assert finding.status is Status.PASS, finding.statement
    assert "no byte lies outside" in finding.statement


def test_a_value_of_the_last_rows_is_searched_for(tmp_path: Path) -> None:
    names = {"s": [f"p{row:07}" for row in range(200_000)]}
    raw = before_footer(sealed(pa.table(names)), b"\x80\x90p0199940\x80" + bytes(200))
    finding = judged(tmp_path, raw)
    assert "1 of 200 known values" in finding.statement


LIES: list[tuple[str, Callable[[], bytes], bytes, str]] = [
    ("text between chunks", lambda: sealed(between=STRANGER), KEY, "60 bytes lie outside"),
    ("text before the footer", lambda: before_footer(sealed(), STRANGER), KEY, "60 bytes"),
    ("text behind the footer", lambda: behind_footer(sealed(), STRANGER), KEY, "60 bytes"),
    (
        "UTF-16 before the footer",
        lambda: before_footer(sealed(), STRANGER.decode().encode("utf-16-le")),
        KEY,
        "120 bytes lie outside",
    ),
    (
        "Greek before the footer",
        lambda: before_footer(sealed(), "διάγνωση: υπέρταση".encode()),
        KEY,
        "bytes lie outside",
    ),
    (
        "a known name in a value, in UTF-16",
        lambda: before_footer(sealed(), "illness number 39".encode("utf-16-le")),
        KEY,
        "known values stand in the raw bytes",
    ),
    ("CTR", lambda: sealed(algorithm="AES_GCM_CTR_V1"), KEY, "its pages are not authenticated"),
    ("a zero key", lambda: sealed(key=bytes(16)), bytes(16), "the key is trivial"),
]


@pytest.mark.parametrize(
    ("write", "key", "words"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES]
)
def test_a_lie_fails(write: Callable[[], bytes], key: bytes, words: str, tmp_path: Path) -> None:
    finding = judged(tmp_path, write(), key)
    assert finding.status is Status.FAIL, finding.statement
    assert words in finding.statement
    assert "Quill" not in str(finding)


@pytest.mark.parametrize(
    "raw",
    [
        before_footer(sealed(), bytes(range(128, 256))),
        sealed(write_page_index=True),
        sealed(write_page_index=True, row_group_size=1000),
    ],
    ids=["strange bytes", "page index", "page index of row groups"],
)
def test_bytes_that_nothing_explains_are_unknown(raw: bytes, tmp_path: Path) -> None:
    finding = judged(tmp_path, raw)
    assert finding.status is Status.UNKNOWN, finding.statement
    assert "bytes lie outside" in finding.statement


def test_text_beside_a_page_index_fails(tmp_path: Path) -> None:
    raw = before_footer(sealed(write_page_index=True), STRANGER)
    assert judged(tmp_path, raw).status is Status.FAIL


def test_a_chunk_in_clear_is_no_chain_of_modules() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(500))}), sink)
    chunk = pq.ParquetFile(sink).metadata.row_group(0).column(0)
    end = 4 + chunk.total_compressed_size
    assert list(gaps(sink.getvalue(), [(4, end)], end)) == [(4, end)]


def test_random_bytes_are_no_text() -> None:
    assert not any(stored_bytes._is_mostly_text(os.urandom(size)) for size in (0, 40, 600, 100_000))


def named_csv(folder: Path, raw: bytes) -> Finding:
    """What the check says of these bytes in people.csv."""
    toml = good_world(folder)
    toml.write_text(toml.read_text().replace("people.parquet", "people.csv"))
    put(folder / "people.csv", raw, 0o600)
    return found(stored_bytes_encrypted.MEMBER, stored_bytes.MEMBER, toml)


def test_latin_1_is_plaintext(tmp_path: Path) -> None:
    finding = named_csv(tmp_path, "name,ort\nJürgen,Köln\nRené,Orléans\n".encode("latin-1"))
    assert finding.status is Status.FAIL, finding.statement
    assert "readable as .csv without a key" in finding.statement


def test_random_bytes_named_csv_are_unknown(tmp_path: Path) -> None:
    assert named_csv(tmp_path, os.urandom(5000)).status is Status.UNKNOWN


def test_a_key_beside_the_data_is_said(tmp_path: Path) -> None:
    toml = good_world(tmp_path)
    finding = found(stored_bytes_encrypted.MEMBER, stored_bytes.MEMBER, toml)
    assert finding.statement.endswith("The key lies beside the data: move it.")
    (tmp_path / "keys").mkdir()
    (tmp_path / "people.key").rename(tmp_path / "keys" / "people.key")
    toml.write_text(toml.read_text().replace('"people.key"', '"keys/people.key"'))
    finding = found(stored_bytes_encrypted.MEMBER, stored_bytes.MEMBER, toml)
    assert finding.status is Status.PASS
    assert "beside" not in finding.statement


def test_facts_hold_counts_and_no_values(tmp_path: Path) -> None:
    judged(tmp_path, before_footer(sealed(), STRANGER))
    (seen,) = stored_bytes.MEMBER.observe(scene_of(tmp_path / "assay.toml"))
    assert seen.facts["unaccounted_bytes"] == len(STRANGER)
    assert seen.facts["algorithm"] == "AES_GCM_V1"
    assert seen.facts["key_beside_data"] is True
    assert seen.facts["known_values_searched"] == 200 + len(
        ["number", "illness", "person", "nothing"]
    )
    assert not any(word in str(seen.facts) for word in ("Quill", "illness", "person number"))
