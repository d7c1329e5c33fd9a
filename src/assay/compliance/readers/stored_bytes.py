"""Are the stored bytes of a dataset plaintext? Reads them back past every application.

What a file says of itself decides first: magic numbers of plaintext formats (Parquet, Arrow, SQLite,
ZIP, gzip, Avro, ORC), text that decodes, or the footer of an encrypted Parquet file (`PARE`, Apache
Parquet modular encryption). Looking random proves nothing, so bytes that nothing recognises stay
`unrecognised`. An encrypted Parquet file is opened with its key, which checks the tag of every
page, and must be refused without it; then column names and text values that the open table shows
are searched for in the raw bytes, where none may be found.

It does not see encryption below the file system, of a disk or a volume.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from assay.compliance.datasets import dataset_key
from assay.compliance.interface import Scene
from assay.compliance.observing import of_each_dataset
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
_CANARIES = 59  # none of 59 seen leaves at most 5 % unseen, with 95 % confidence
_CANARY_LENGTH_MIN = 6


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
    table = open_table(path, key=key)
    canaries = {name.encode() for name in table.schema.names if len(name) >= _CANARY_LENGTH_MIN}
    rows = 0
    for batch in table.batches():
        rows += batch.num_rows
        if len(canaries) < 2 * _CANARIES:
            canaries |= _text_values(batch.slice(0, _CANARIES).to_pylist())
    return {
        "opened_with_key": True,
        "rows_authenticated": rows,
        "refused_without_key": _is_refused(path),
        "known_values_searched": len(canaries),
        "known_values_found": _found(path, canaries),
        "key_bits": 8 * len(key),
    }


def _text_values(rows: list[dict[str, object]]) -> set[bytes]:
    values = (value for row in rows for value in row.values())
    return {v.encode() for v in values if isinstance(v, str) and len(v) >= _CANARY_LENGTH_MIN}


def _is_refused(path: Path) -> bool:
    try:
        next(iter(open_table(path).batches()), None)
    except AssayError:
        return True
    return False


def _found(path: Path, canaries: set[bytes]) -> int:
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw,
    ):
        return sum(raw.find(canary) >= 0 for canary in canaries)


def _level(scene: Scene, name: str) -> str | None:
    level = scene.labels.get(name, {}).get("level")
    return level if isinstance(level, str) else None


MEMBER = StoredBytes()
