"""Are the stored bytes of a dataset plaintext? Reads them back past every application.

What a file says of itself decides first: magic numbers of plaintext formats (Parquet, Arrow, SQLite,
ZIP, gzip, Avro, ORC), text that decodes, a table that opens by its suffix, or the footer of an
encrypted Parquet file (`PARE`, Apache Parquet modular encryption). Looking random proves nothing, so
bytes that nothing recognises stay `unrecognised`.

An encrypted Parquet file is opened with its key, which checks the tag of every page, and must be
refused without it. Every byte must then have an owner, by the rules of `_parquet_layout.py`; bytes
that have none are `unaccounted_bytes`: no tag was checked for them. Besides, column names and text
values from all over the table are searched for in the raw bytes, as UTF-8 and UTF-16.

It does not see encryption below the file system, of a disk or a volume.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from assay.compliance.datasets import dataset_key
from assay.compliance.interface import Scene
from assay.compliance.observing import of_each_dataset
from assay.compliance.readers._parquet_layout import MAGIC, layout_of
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
_TEXT_SAMPLE_BYTES = 1 << 16
_CANARIES = 200
_CANARY_ROWS_PER_BATCH = 200
_CANARY_LENGTH_MIN = 6
_DISTINCT_KEY_BYTES_MIN = 8
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
    if head.startswith(MAGIC) and tail == MAGIC:
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
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw,
    ):
        layout = layout_of(path, key, raw)
        return {
            "algorithm": layout.algorithm,
            "unaccounted_bytes": sum(end - start for start, end in layout.gaps),
            "unaccounted_are_text": any(_is_mostly_text(raw[a:z]) for a, z in layout.gaps),
            "page_index_or_bloom_filter": layout.indexed,
            "known_values_found": sum(_stands_in(raw, text) for text in known),
        }


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
