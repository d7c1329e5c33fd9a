"""Which bytes of an encrypted Parquet file belong to what (Parquet modular encryption, section 5).

The rules, for a file with an encrypted footer:

1. The footer is the algorithm in clear, one encrypted module, its length and the magic number.
2. Column chunks lie one behind the other from byte 4 up to the footer.
3. A column chunk is encrypted modules one behind the other, each with its length before it.

What is outside of that has no owner, and no tag was checked for it: it is a gap. A page index and a
bloom filter lie between chunks and footer, so that they are gaps too; that they are there is said.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"PARE"
_ALGORITHMS = {b"\x1c\x1c": "AES_GCM_V1", b"\x1c\x2c": "AES_GCM_CTR_V1"}
_THRIFT_BOOLEANS, _THRIFT_BINARY, _THRIFT_STRUCT = (1, 2), 8, 12
_NESTING_MAX = 4
_MODULE_BYTES_MIN = 12 + 16  # nonce and tag


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is encrypted and what of it nobody owns, each gap with its end (not included)."""

    algorithm: str
    gaps: tuple[tuple[int, int], ...]
    indexed: bool
    """Whether a page index or a bloom filter is in it."""


def layout_of(path: Path, key: bytes, raw: mmap.mmap) -> Layout:
    """The layout of the file at `path`, whose bytes are `raw`; it was opened with `key` before."""
    chunks, indexed = _chunks(path, key)
    footer = len(raw) - 8 - _number(raw, len(raw) - 8)
    found = (*gaps(raw, chunks, footer), *_footer_gaps(raw, footer))
    return Layout(_ALGORITHMS.get(raw[footer : footer + 2], "unknown"), found, indexed)


def _chunks(path: Path, key: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Start and end (not included) of every column chunk, in order of place; is any indexed?"""
    import pyarrow.parquet as pq
    from pyarrow.parquet import encryption

    chunks, indexed = [], False
    properties = encryption.create_decryption_properties(key)
    with pq.ParquetFile(path, decryption_properties=properties) as file:
        for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
            for chunk in map(group.column, range(group.num_columns)):
                places = (chunk.dictionary_page_offset, chunk.data_page_offset)
                start = min((place for place in places if place), default=0)
                chunks.append((start, start + chunk.total_compressed_size))
                indexed |= chunk.has_column_index or chunk.has_offset_index
                indexed |= chunk.bloom_filter_offset is not None
    return sorted(chunks), indexed


def gaps(
    raw: mmap.mmap | bytes, chunks: Iterable[tuple[int, int]], footer: int
) -> Iterator[tuple[int, int]]:
    """What is between the chunks, and the chunks that are no chain of modules."""
    done = len(MAGIC)
    for start, end in chunks:
        if start > done:
            yield done, start
        if not _is_chain(raw, start, end):
            yield start, end
        done = max(done, end)
    if footer > done:
        yield done, footer


def _is_chain(raw: mmap.mmap | bytes, start: int, end: int) -> bool:
    while start + 4 <= end:
        size = _number(raw, start)
        if size < _MODULE_BYTES_MIN:
            return False
        start += 4 + size
    return start == end


def _footer_gaps(raw: mmap.mmap | bytes, footer: int) -> Iterator[tuple[int, int]]:
    """What of the footer is neither the algorithm (FileCryptoMetaData) nor the one module."""
    end = len(raw) - 8
    try:
        module = _struct_end(raw, footer)
    except (IndexError, ValueError):
        yield footer, end
        return
    behind = module + 4 + _number(raw, module)
    if behind != end:
        yield min(behind, end), end


def _struct_end(raw: mmap.mmap | bytes, at: int, depth: int = 0) -> int:
    """Where a struct of booleans, binaries and structs ends (Thrift compact protocol).

    Raises:
        IndexError: it is cut short.
        ValueError: it holds something else.
    """
    while raw[at]:
        long_form, kind = not raw[at] >> 4, raw[at] & 15
        at += 1
        if long_form or kind not in (*_THRIFT_BOOLEANS, _THRIFT_BINARY, _THRIFT_STRUCT):
            raise ValueError(kind)
        if kind == _THRIFT_STRUCT:
            if depth == _NESTING_MAX:
                raise ValueError(depth)
            at = _struct_end(raw, at, depth + 1)
        elif kind == _THRIFT_BINARY:
            size = shift = 0
            while raw[at] & 128:
                size |= (raw[at] & 127) << shift
                at, shift = at + 1, shift + 7
            at += 1 + (size | raw[at] << shift)
    return at + 1


def _number(raw: mmap.mmap | bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")
