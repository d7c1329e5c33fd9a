"""Reads test data for models.

A set is an `.npz` file with arrays x and y, a folder with one sub-folder of PNG or JPEG pictures
for each class, a CSV or Parquet file with a label column, or a function `package.module:function`
that returns (x, y). Nothing is unpickled.
"""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import BadTestData, EmptyDataset, MissingExtra, UnknownFormat, UnreadableFile
from assay.models import imports
from assay.models.examples import TestData, make

if TYPE_CHECKING:
    import numpy.typing as npt

    from assay.models.interface import Floats

_SAVE_NPZ = "Save it with numpy.savez(path, x=examples, y=labels)."
_PICTURES = (".png", ".jpg", ".jpeg")


def load(source: str, *, label: str = "", folder: Path) -> TestData:
    """The test data that `source` names: a path from `folder`, or a function there.

    `label` is the name of the label column of a CSV or Parquet file.

    Raises:
        UnreadableFile: missing, or not what its name says.
        UnknownFormat: no reader for its ending.
        EmptyDataset, BadTestData: as `make`.
        BadInput: the function cannot be imported.
        MissingExtra: the reader's library is not installed.
    """
    path = folder / source
    if ":" in source and not path.exists():
        return _from_function(source, folder)
    if not path.exists():
        raise UnreadableFile(
            f"There is no test data at {path}.", next_step="Check test_data of the model."
        )
    if path.is_dir():
        return read_picture_folder(path)
    readers = {".npz": read_npz, ".csv": read_table, ".parquet": read_table}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UnknownFormat(
            f"{path} is no test data that assay can read.",
            next_step="Use .npz with x and y, .csv or .parquet with a label column, a folder of "
            "pictures, or package.module:function.",
        )
    return reader(path, label)


def read_npz(path: Path, _label: str) -> TestData:
    """The arrays x and y of an npz file; object arrays, which are pickles, are refused.

    Raises:
        UnreadableFile: not an npz file.
        BadTestData: x or y is not there, holds objects, or as `make`.
    """
    if not zipfile.is_zipfile(path):
        raise UnreadableFile(f"{path} is not an npz file.", next_step=_SAVE_NPZ)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in ("x", "y") if name not in arrays]
            if missing:
                raise BadTestData(
                    f"{path} has no array {' and no array '.join(missing)}.",
                    next_step=_SAVE_NPZ,
                )
            x, y = arrays["x"], arrays["y"]
    except ValueError as error:
        raise BadTestData(
            f"{path} holds Python objects, which are not read.",
            next_step="Save x and y as arrays of numbers.",
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        what = f"{path} is not an npz file ({type(error).__name__})."
        raise UnreadableFile(what, next_step=_SAVE_NPZ) from error
    return make(x, y, path.name)


def read_table(path: Path, label: str) -> TestData:
    """A CSV or Parquet file of numeric features and one label column.

    Raises:
        UnreadableFile: not what its name says.
        BadTestData: no such label column, a feature that is not numeric, or as `make`.
        MissingExtra: pyarrow is not installed.
    """
    table = _open_table(path)
    if label not in table.column_names:
        raise BadTestData(
            f"{path} has no label column {label!r}." if label else f"{path} needs a label column.",
            next_step=f"Name one of its columns with label: {', '.join(table.column_names)}.",
        )
    if table.num_rows == 0:
        raise EmptyDataset(f"{path} has no rows.")
    features = tuple(name for name in table.column_names if name != label)
    columns = [_numbers(table[name], name, path) for name in features]
    if table[label].null_count:
        raise BadTestData(f"{table[label].null_count} rows of {path} have no label.")
    y = np.array(table[label].to_pylist())
    x = np.column_stack(columns) if columns else np.empty((len(y), 0), dtype=np.float32)
    return make(x, y, path.name, features=features)


def read_picture_folder(path: Path) -> TestData:
    """Pictures in one sub-folder for each class; classes are numbered in sorted order.

    Grey when all are grey, otherwise three channels; 8 bits scaled to 0..1.

    Raises:
        EmptyDataset: no pictures.
        UnreadableFile: a file is not the picture that its name says.
        BadTestData: pictures of different sizes.
        MissingExtra: pillow is not installed.
    """
    if not find_spec("PIL"):
        raise MissingExtra("A folder of pictures", extra="torch", library="pillow")
    classes = sorted(folder for folder in path.iterdir() if folder.is_dir())
    found = [
        (picture, folder.name)
        for folder in classes
        for picture in sorted(folder.iterdir())
        if picture.suffix.lower() in _PICTURES
    ]
    if not found:
        raise EmptyDataset(
            f"{path} has no pictures.",
            next_step="Put PNG or JPEG files into one sub-folder for each class.",
        )
    pictures = [_picture(file) for file, _ in found]
    for (file, _), picture in zip(found, pictures, strict=True):
        if picture.shape[1:] != pictures[0].shape[1:]:
            raise BadTestData(
                f"{file} is {picture.shape[2]} x {picture.shape[1]}, and the first picture "
                f"{pictures[0].shape[2]} x {pictures[0].shape[1]}.",
                next_step="Scale all pictures to the size that the model expects.",
            )
    channels = max(len(picture) for picture in pictures)
    x = np.stack([np.broadcast_to(p, (channels, *p.shape[1:])) for p in pictures])
    return make(x, np.array([name for _, name in found]), path.name)


def _open_table(path: Path) -> Any:
    if not find_spec("pyarrow"):
        raise MissingExtra("Test data in CSV and Parquet", extra="data", library="pyarrow")
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        if path.suffix.lower() == ".csv":
            return csv.read_csv(path)
        return parquet.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(
            f"{path} is not a {path.suffix[1:].upper()} table ({type(error).__name__})."
        ) from error


def _numbers(column: Any, name: str, path: Path) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise BadTestData(
            f"The column {name} of {path} is {kind}, and not numeric.",
            next_step="Encode it as numbers, as the model expects it.",
        )
    numbers: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return numbers


def _picture(path: Path) -> Floats:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            grey = image.mode in ("1", "L")
            pixels: Floats = np.array(image.convert("L" if grey else "RGB"), dtype=np.float32)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UnreadableFile(f"{path} is not a PNG or JPEG picture.") from error
    pixels /= 255
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def _from_function(source: str, folder: Path) -> TestData:
    function = imports.named(source, folder)
    try:
        x, y = function()
    except Exception as error:
        raise BadTestData(
            f"{source} failed ({type(error).__name__}).",
            next_step="The function is called without arguments and returns (x, y).",
        ) from error
    return make(x, y, source)
