"""Are the stored bytes of a dataset plaintext? Reads them back past every application.

What a file says of itself decides first: magic numbers of plaintext formats (Parquet, Arrow, SQLite,
ZIP, gzip, Avro, ORC), text that decodes, a table that opens by its suffix, or the footer of an
encrypted Parquet file (`PARE`, Apache Parquet modular encryption). Looking random proves nothing, so
bytes that nothing recognises stay `unrecognised`.

An encrypted Parquet file is opened with its key, which checks the tag of every page, and must be
refused without it. Every byte must then have an owner (Parquet modular encryption, section 5):

1. The footer is the algorithm in clear, one encrypted module, its length and the magic number.
2. Column chunks lie one behind the other from byte 4 up to the footer.
3. A column chunk is encrypted modules one behind the other, each with its length before it.

Bytes outside of that are `unaccounted_bytes`: no tag was checked for them. Besides, column names and
text values from all over the table are searched for in the raw bytes, as UTF-8 and UTF-16.

It does not see encryption below the file system, of a disk or a volume.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from assay.compliance.datasets import dataset_key
from assay.compliance.interface import Scene
from assay.compliance.observing import of_each_dataset
from assay.data.interface import Table
from assay.data.tables import open_table
from assay.errors import AssayError
from assay.vocabulary import Facts, Method, Observation, not_measured

KIND = "storage_byte_inspection"
_PLAINTEXT_MAGIC = (
    (b"PAR1", "Parquet with a plaintext footer"),
    (b"ARROW1", "Arrow IPC"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"PK\x03\x04", "ZIP container"),
    (b"\x1f\x8b", "gzip"),
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_ENCRYPTED_PARQUET = b"PARE"
_TEXT_SAMPLE_BYTES = 1 << 16
_CANARIES = 200
_CANARY_ROWS_PER_BATCH = 200
_CANARY_LENGTH_MIN = 6
_DISTINCT_KEY_BYTES_MIN = 8
_ALGORITHMS = {b"\x1c\x1c": "AES_GCM_V1", b"\x1c\x2c": "AES_GCM_CTR_V1"}
_THRIFT_BOOLEANS, _THRIFT_BINARY, _THRIFT_STRUCT = (1, 2), 8, 12
_NESTING_MAX = 4
_MODULE_BYTES_MIN = 12 + 16  # nonce and tag
_TEXT_SHARE = 0.9
_TEXT_LENGTH_MIN = 8
_TEXT_RUN = re.compile(rb"[\t\r\n\x20-\x7e]{32}|(?:[\t\r\n\x20-\x7e]\x00){16}")


class StoredBytes:
    """Inspects the file of every declared dataset."""

    kinds = (KIND,)

    def observe(self, scene: Scene) -> Iterator[Observation]:
        """One observation a dataset."""
        yield from of_each_dataset(scene, KIND, "readers.stored_bytes", Method.EXAMINE, _facts)


def _facts(scene: Scene, name: str) -> Facts:
    dataset = scene.settings.datasets[name]
    path = scene.settings.path(dataset.source)
    try:
        size = path.stat().st_size
        state, form = _form(path)
        if state == "unrecognised" and _opens(path):
            state, form = "plaintext", f"readable as {path.suffix} without a key"
    except OSError as error:
        return not_measured(
            f"{dataset.source} cannot be read ({error.strerror}).",
            "Check source in assay.toml, and the file's owner and mode.",
        )
    facts: dict[str, str | int | bool | None] = {
        "place": dataset.source,
        "bytes": size,
        "form": form,
        "state": state,
        "level": _level(scene, name),
    }
    if state == "sealed":
        try:
            facts.update(_opened(path, dataset_key(scene, dataset)))
            if dataset.key_file:
                key_file = scene.settings.path(dataset.key_file)
                facts["key_beside_data"] = key_file.resolve().parent == path.resolve().parent
        except AssayError as error:
            return not_measured(error.message, error.next_step)
    return facts


def _form(path: Path) -> tuple[str, str]:
    """`plaintext`, `sealed`, `unrecognised` or `empty`, and the form that was recognised."""
    with path.open("rb") as stream:
        head = stream.read(_TEXT_SAMPLE_BYTES)
        if not head:
            return "empty", "empty file"
        stream.seek(-min(4, len(head)), 2)
        tail = stream.read(4)
    if head.startswith(_ENCRYPTED_PARQUET) and tail == _ENCRYPTED_PARQUET:
        return "sealed", "Parquet with an encrypted footer"
    for magic, form in _PLAINTEXT_MAGIC:
        if head.startswith(magic):
            return "plaintext", form
    return ("plaintext", "text") if _is_text(head) else ("unrecognised", "no form that is known")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\r\n\ufeff" for character in text)


def _opened(path: Path, key: bytes | None) -> dict[str, str | int | bool | None]:
    """What opening a sealed file with and without its key shows."""
    if key is None:
        return {"opened_with_key": None, "refused_without_key": None, "known_values_found": None}
    rows, known = _sampled(open_table(path, key=key))
    return {
        "opened_with_key": True,
        "rows_authenticated": rows,
        "refused_without_key": not _opens(path),
        "known_values_searched": len(known),
        "key_bits": 8 * len(key),
        "key_trivial": len(set(key)) < _DISTINCT_KEY_BYTES_MIN,
        **_laid_out(path, key, known),
    }


def _sampled(table: Table) -> tuple[int, list[str]]:
    """How many rows could be read, and values spread evenly over all batches and text columns."""
    rows = 0
    names = [name for name in table.schema.names if len(name) >= _CANARY_LENGTH_MIN]
    columns: list[list[str]] = [[] for _ in table.schema.names]
    for batch in table.batches():
        step = max(1, -(-batch.num_rows // _CANARY_ROWS_PER_BATCH))
        chosen = list(range(0, batch.num_rows, step))
        for seen, column in zip(columns, batch.columns, strict=True):
            seen.extend(_texts(column.take(chosen).to_pylist() if chosen else []))
        rows += batch.num_rows
    values = list(dict.fromkeys(text for column in columns for text in column))
    return rows, sorted({*names[:_CANARIES], *_spread(values)})


def _texts(values: list[object]) -> Iterator[str]:
    return (v for v in values if isinstance(v, str) and len(v) >= _CANARY_LENGTH_MIN)


def _spread(values: list[str]) -> list[str]:
    """At most 200 of the values, evenly spaced."""
    count = min(_CANARIES, len(values))
    return [values[place * len(values) // count] for place in range(count)]


def _opens(path: Path) -> bool:
    """Whether a row can be read without a key."""
    try:
        return next(iter(open_table(path).batches()), None) is not None
    except AssayError:
        return False


def _laid_out(path: Path, key: bytes, known: list[str]) -> dict[str, str | int | bool | None]:
    """How the file is encrypted, which of its bytes no module owns, and what is in clear."""
    chunks, indexed = _chunks(path, key)
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw,
    ):
        footer = len(raw) - 8 - _number(raw, len(raw) - 8)
        gaps = [*_gaps(raw, chunks, footer), *_footer_gaps(raw, footer)]
        return {
            "algorithm": _ALGORITHMS.get(raw[footer : footer + 2], "unknown"),
            "unaccounted_bytes": sum(end - start for start, end in gaps),
            "unaccounted_are_text": any(_is_mostly_text(raw[start:end]) for start, end in gaps),
            "page_index_or_bloom_filter": indexed,
            "known_values_found": sum(_stands_in(raw, text) for text in known),
        }


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


def _gaps(
    raw: mmap.mmap | bytes, chunks: Iterable[tuple[int, int]], footer: int
) -> Iterator[tuple[int, int]]:
    """What is between the chunks, and the chunks that are no chain of modules."""
    done = len(_ENCRYPTED_PARQUET)
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


def _is_mostly_text(gap: bytes) -> bool:
    """A long run of ASCII, or nine tenths printable as UTF-8, or as UTF-16 of European scripts."""
    if _TEXT_RUN.search(gap):
        return True
    head = gap[:_TEXT_SAMPLE_BYTES]
    return len(head) >= _TEXT_LENGTH_MIN and any(
        _printable_share(head.decode(encoding, "replace"), last) >= _TEXT_SHARE
        for encoding, last in (
            ("utf-8", "\U0010ffff"),
            ("utf-16-le", "\u052f"),
            ("utf-16-be", "\u052f"),
        )
    )


def _printable_share(text: str, last: str) -> float:
    good = (c in "\t\r\n" or (c.isprintable() and c <= last and c != "\ufffd") for c in text)
    return sum(good) / len(text)


def _stands_in(raw: mmap.mmap, text: str) -> bool:
    encodings = ("utf-8", "utf-16-le")
    return any(raw.find(text.encode(name, "surrogatepass")) >= 0 for name in encodings)


def _level(scene: Scene, name: str) -> str | None:
    level = scene.labels.get(name, {}).get("level")
    return level if isinstance(level, str) else None


MEMBER = StoredBytes()
