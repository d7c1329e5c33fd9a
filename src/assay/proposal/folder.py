"""Looks at a folder: data, weights, test data, and code that builds networks.

The look has limits (depth, files, bytes of a file) and says when it met one. It reads the first
bytes of data files and the shape of arrays; Python files are parsed and never imported, weights and
pickles are not opened. Headers of CSV and JSON lines are read with the standard library, those of
Parquet only where pyarrow is installed.

A first row that looks like data is not taken for headers, so that no value gets into a proposal.
"""

from __future__ import annotations

import ast
import csv
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO

from assay.proposal.factories import FoundFactory, factories_in

DEPTH_MAX, FILES_MAX = 6, 20_000
_HEAD_BYTES = 65_536
_CODE_BYTES_MAX = 1_000_000
_TABLES_READ_MAX = 200

_TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
_WEIGHTS = (".safetensors", ".onnx", ".skops", ".pt", ".pth")
_PICKLES = (".pkl", ".pickle", ".joblib")
_PICTURES = (".png", ".jpg", ".jpeg")
Told = Callable[[int], None]
"""Hears how far the work is."""
_SKIPPED = frozenset({"venv", "node_modules", "__pycache__", "site-packages"})


def _nobody(_: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A data file; paths are relative to the folder, with slashes."""

    path: str
    columns: tuple[str, ...] = ()
    unread: str = ""
    """Why its columns are not known."""
    headless: bool = False
    """Whether its first line is data: without headers it can be no dataset."""


@dataclass(frozen=True, slots=True)
class FoundTestData:
    """Examples with labels: an `.npz` file or a folder of pictures."""

    path: str
    image: bool | None
    """None where the examples' shape does not say."""


@dataclass(frozen=True, slots=True)
class FolderLook:
    """What is in a folder, and whether the look ended before everything was seen."""

    name: str
    tables: tuple[FoundTable, ...] = ()
    weights: tuple[str, ...] = ()
    pickles: tuple[str, ...] = ()
    factories: tuple[FoundFactory, ...] = ()
    test_data: tuple[FoundTestData, ...] = ()
    cut_short: str = ""
    tables_more: int = 0
    """Data files that were counted and not looked into."""


def files_in(folder: Path, told: Told = _nobody) -> tuple[str, ...]:
    """Paths below a folder, relative and with slashes; at most one more than the limit.

    Links to folders are not followed, hidden folders not entered. `told` hears how many there are so
    far.
    """
    found: list[str] = []
    for path in _walk(folder):
        found.append(path)
        told(len(found))
    return tuple(found)


def look_at(folder: Path, files: Sequence[str] | None = None, told: Told = _nobody) -> FolderLook:
    """What is in a folder, of which these are the `files`; `told` hears how many were looked at."""
    files = files_in(folder) if files is None else files
    cut_short = f"only the first {FILES_MAX} files were looked at" if len(files) > FILES_MAX else ""
    files = files[:FILES_MAX]
    named = [(path, PurePosixPath(path).suffix.lower()) for path in files]
    tables = [path for path, suffix in named if suffix in _TABLES]
    arrays = [path for path, suffix in named if suffix == ".npz"]
    code = [path for path, suffix in named if suffix == ".py"]
    pictures = [path for path, suffix in named if suffix in _PICTURES]
    read = {*tables[:_TABLES_READ_MAX], *arrays, *code}
    done = count(len(files) - len(read))  # of the others the name is all that is looked at

    def looked(paths: Sequence[str]) -> Iterator[str]:
        for path in paths:
            yield path
            told(next(done) + 1)

    return FolderLook(
        name=folder.absolute().resolve().name,
        tables=tuple(_table(folder, path) for path in looked(tables[:_TABLES_READ_MAX])),
        weights=tuple(path for path, suffix in named if suffix in _WEIGHTS),
        pickles=tuple(path for path, suffix in named if suffix in _PICKLES),
        factories=tuple(found for path in looked(code) for found in _factories(folder, path)),
        test_data=(*_array_files(folder, looked(arrays)), *_picture_folders(pictures)),
        cut_short=cut_short,
        tables_more=max(0, len(tables) - _TABLES_READ_MAX),
    )


def names_columns(cells: Sequence[str]) -> bool:
    """Whether the first row of a file is headers, and not a row of data."""
    if not any(cell.strip() for cell in cells):
        return False
    return not any(_is_data(cell.strip()) for cell in cells)


def _walk(folder: Path) -> Iterator[str]:
    """Paths below the folder, relative and with slashes; at most one more than the limit."""
    seen = 0
    for here, folders, files in os.walk(folder):
        place = Path(here).relative_to(folder)
        deep = len(place.parts) >= DEPTH_MAX
        folders[:] = [] if deep else sorted(name for name in folders if _entered(here, name))
        for name in sorted(files):
            if name.startswith(".") or not Path(here, name).is_file():
                continue
            yield (place / name).as_posix()
            seen += 1
            if seen > FILES_MAX:
                return


def _entered(here: str, name: str) -> bool:
    if name.startswith(".") or name in _SKIPPED:
        return False
    return not Path(here, name, "pyvenv.cfg").exists()


def _table(folder: Path, path: str) -> FoundTable:
    suffix = PurePosixPath(path).suffix.lower()
    try:
        if suffix == ".parquet":
            return _parquet(folder / path, path)
        with (folder / path).open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        return FoundTable(path, unread=f"it cannot be read ({error.strerror})")
    delimited = suffix in (".csv", ".tsv")
    columns = _csv_columns(head) if delimited else _json_columns(head)
    if columns:
        return FoundTable(path, columns)
    what = "line of headers" if delimited else "object with names"
    return FoundTable(path, unread=f"no {what} was found at its start", headless=delimited)


def _csv_columns(head: bytes) -> tuple[str, ...]:
    lines = head.decode("utf-8-sig", "replace").splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    try:
        cells = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        return ()
    return tuple(cell.strip() for cell in cells) if names_columns(cells) else ()


def _json_columns(head: bytes) -> tuple[str, ...]:
    try:
        row = json.loads(head.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return ()
    return tuple(row) if isinstance(row, dict) and names_columns(list(row)) else ()


def _parquet(file: Path, path: str) -> FoundTable:
    if not find_spec("pyarrow"):
        return FoundTable(path, unread="reading Parquet needs pip install 'assay[data]'")
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return FoundTable(path, tuple(parquet.read_schema(file).names))
    except (pa.ArrowException, OSError, UnicodeError):
        return FoundTable(path, unread="it is damaged, or encrypted and needs key_file")


def _array_files(folder: Path, paths: Iterable[str]) -> Iterator[FoundTestData]:
    for path in paths:
        shapes = _shapes(folder / path)
        if {"x", "y"} <= shapes.keys():
            axes = len(shapes["x"])
            yield FoundTestData(path, {4: True, 2: False}.get(axes))


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays x and y of an npz file; empty if it is none."""
    found: dict[str, tuple[int, ...]] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for name in {"x.npy", "y.npy"} & set(archive.namelist()):
                with archive.open(name) as stream:
                    found[name[0]] = _shape(stream)
    except (OSError, ValueError, KeyError, SyntaxError, RuntimeError, zipfile.BadZipFile):
        return {}
    except (NotImplementedError, struct.error, EOFError, zlib.error):
        return {}
    return found


def _shape(stream: IO[bytes]) -> tuple[int, ...]:
    """The shape in the header of an npy file (NEP 1)."""
    magic = stream.read(8)
    size_format, size_bytes = ("<H", 2) if magic[6:7] == b"\x01" else ("<I", 4)
    (size,) = struct.unpack(size_format, stream.read(size_bytes))
    header = ast.literal_eval(stream.read(min(size, 10_000)).decode("latin-1").strip())
    return tuple(int(length) for length in header["shape"])


def _picture_folders(pictures: Sequence[str]) -> Iterator[FoundTestData]:
    """Folders with pictures in two sub-folders or more, and none beside these."""
    with_pictures = {PurePosixPath(path).parent for path in pictures}
    children: dict[PurePosixPath, int] = {}
    for place in with_pictures:
        children[place.parent] = children.get(place.parent, 0) + 1
    for place, with_some in sorted(children.items()):
        if with_some >= 2 and place not in with_pictures:
            yield FoundTestData(place.as_posix(), image=True)


def _factories(folder: Path, path: str) -> Iterator[FoundFactory]:
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    if not parts or not all(part.isidentifier() for part in parts):
        return
    try:
        with (folder / path).open("rb") as stream:
            source = stream.read(_CODE_BYTES_MAX + 1)
    except OSError:
        return
    if b"torch" in source and len(source) <= _CODE_BYTES_MAX:
        yield from factories_in(source, ".".join(parts))


def _is_data(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        digits = sum(character.isdigit() for character in cell)
        return "@" in cell or 2 * digits > len(cell) or len(cell) > 100
    return True
