"""Test data from every kind of file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import csv, parquet

from assay.errors import BadInput, BadTestData, EmptyDataset, UnknownFormat, UnreadableFile
from assay.models.domain import domain_from_rows
from assay.models.example_files import load
from assay.models.examples import TestData, check_fit, make, sample
from assay.models.interface import InputDomain, InputKind
from assay.models.libraries.function import FunctionModel
from assay.vocabulary import Target, TargetKind

X = np.arange(24, dtype=np.float32).reshape(8, 3)
Y = np.array([0, 1, 2, 0, 1, 2, 0, 1])


def three_classes(low: float = 0.0, high: float = 30.0) -> FunctionModel:
    domain = InputDomain(InputKind.TABULAR, (low,), (high,))
    target = Target(TargetKind.MODEL, "model")
    return FunctionModel(target, domain, lambda batch: np.zeros((len(batch), 3)))


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=X.astype(np.float64), y=Y.astype(np.int32))

    data = load("t.npz", folder=tmp_path)

    assert data.name == "t.npz"
    assert (data.x == X).all()
    assert data.x.dtype == np.float32
    assert data.y.dtype == np.int64
    assert data.digest == make(X, Y, "other").digest


def test_grey_images_without_a_channel_axis_get_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.zeros((4, 5, 6)), y=np.arange(4))

    assert load("t.npz", folder=tmp_path).x.shape == (4, 1, 5, 6)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_table_with_words_as_labels(tmp_path: Path, ending: str) -> None:
    table = pa.table(
        {"age": [30, 40, 50], "fate": ["no", "yes", "no"], "fare": [1.5, 2.5, 3.5]},
    )
    write = csv.write_csv if ending == "csv" else parquet.write_table
    write(table, tmp_path / f"t.{ending}")

    data = load(f"t.{ending}", label="fate", folder=tmp_path)

    assert data.x.tolist() == [[30, 1.5], [40, 2.5], [50, 3.5]]
    assert data.y.tolist() == [0, 1, 0]
    assert data.class_names == ("no", "yes")
    assert data.features == ("age", "fare")


def pictures(folder: Path, mode: str = "L", size: tuple[int, int] = (4, 3)) -> None:
    for label, value in (("cat", 0), ("dog", 255)):
        (folder / label).mkdir(exist_ok=True)
        colour = value if mode == "L" else (value, 0, 0)
        Image.new(mode, size, colour).save(folder / label / "1.png")


def test_folder_of_grey_pictures(tmp_path: Path) -> None:
    pictures(tmp_path)

    data = load(".", folder=tmp_path)

    assert data.x.shape == (2, 1, 3, 4)
    assert data.x[1].min() == 1.0
    assert data.y.tolist() == [0, 1]
    assert data.class_names == ("cat", "dog")


def test_folder_of_coloured_and_grey_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, "RGB")
    Image.new("L", (4, 3), 128).save(tmp_path / "cat" / "2.jpg")

    data = load(".", folder=tmp_path)

    assert data.x.shape == (3, 3, 3, 4)
    assert data.x[2, :, 0, 0].tolist() == [1.0, 0.0, 0.0]


def test_pictures_of_two_sizes_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path)
    Image.new("L", (5, 3)).save(tmp_path / "dog" / "2.png")
    with pytest.raises(BadTestData, match=r"2\.png is 5 x 3, and the first picture 4 x 3"):
        load(".", folder=tmp_path)


def test_picture_that_is_none(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "dog" / "1.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableFile, match="is not a PNG or JPEG"):
        load(".", folder=tmp_path)


def test_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    with pytest.raises(EmptyDataset, match="no pictures"):
        load(".", folder=tmp_path)


def test_function(tmp_path: Path) -> None:
    (tmp_path / "my_test_set.py").write_text(
        "import numpy as np\ndef load():\n    return np.ones((3, 2)), [0, 1, 0]\n"
        "def one():\n    return np.ones((3, 2))\n"
    )

    assert load("my_test_set:load", folder=tmp_path).y.tolist() == [0, 1, 0]
    with pytest.raises(BadTestData, match="ValueError"):
        load("my_test_set:one", folder=tmp_path)
    with pytest.raises(BadInput, match="has no function"):
        load("my_test_set:two", folder=tmp_path)


@pytest.mark.parametrize("name", ["t.npz", "t.csv", "t.parquet", "folder"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match="no test data at"):
        load(name, folder=tmp_path)


@pytest.mark.parametrize("name", ["t.npz", "t.parquet"])
def test_broken_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(UnreadableFile):
        load(name, label="y", folder=tmp_path)


def test_unknown_ending(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"")
    with pytest.raises(UnknownFormat, match="no test data that assay can read"):
        load("t.xlsx", folder=tmp_path)


def test_npz_without_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=X, labels=Y)
    with pytest.raises(BadTestData, match="has no array y"):
        load("t.npz", folder=tmp_path)


def test_object_arrays_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    witness = tmp_path / "witness"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (witness,))

    np.savez(tmp_path / "t.npz", x=np.array([Payload()], dtype=object), y=np.zeros(1))
    with pytest.raises(BadTestData, match="Python objects"):
        load("t.npz", folder=tmp_path)

    assert not witness.exists()


def test_table_without_the_label_column_names_its_columns(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "t.parquet")
    with pytest.raises(BadTestData, match="no label column 'c'") as caught:
        load("t.parquet", label="c", folder=tmp_path)

    assert "a, b" in caught.value.next_step


def test_feature_that_is_no_number_is_named(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": ["x"], "y": [0]}), tmp_path / "t.parquet")
    with pytest.raises(BadTestData, match=r"column a of .* is string, and not numeric"):
        load("t.parquet", label="y", folder=tmp_path)


def test_missing_value_in_a_table_is_located(tmp_path: Path) -> None:
    table = pa.table({"a": [1.0, 2.0], "b": [1.0, None], "y": [0, 1]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(BadTestData, match=r"1 values .* first in row 1, feature 1 \(b\)"):
        load("t.parquet", label="y", folder=tmp_path)


def test_missing_label(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1.0, 2.0], "y": [0, None]}), tmp_path / "t.parquet")
    with pytest.raises(BadTestData, match=r"1 rows of .* have no label"):
        load("t.parquet", label="y", folder=tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite_are_counted_and_located(value: float) -> None:
    x = X.astype(np.float64)
    x[2, 1] = x[5, 0] = value
    with pytest.raises(BadTestData, match=r"2 values of t .* first in row 2, feature 1"):
        make(x, Y, "t")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:-1], r"8 examples and labels of shape \(7,\)"),
        (X, Y[:, None], r"labels of shape \(8, 1\)"),
        (X, Y + 0.5, "not whole numbers"),
        (X, np.where(Y == 0, np.nan, Y), "not whole numbers"),
        (X, Y.astype(object), "not whole numbers"),
        (X.astype(object), Y, "are object, and not numbers"),
        (X.astype(str), Y, "and not numbers"),
        (X[:, 0], Y, r"the shape \(8,\)"),
        (np.zeros((8, 5, 6, 3)), Y, "channels last"),
        (np.zeros((8, 0)), Y, r"the shape \(8, 0\)"),
    ],
)
def test_arrays_that_do_not_fit_each_other(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(BadTestData, match=message):
        make(x, y, "t")


def test_empty() -> None:
    with pytest.raises(EmptyDataset, match="t has no examples"):
        make(X[:0], Y[:0], "t")


def test_fit_gives_the_number_of_classes() -> None:
    assert check_fit(make(X, Y, "t"), three_classes()) == 3


def test_values_outside_the_domain_name_the_range_seen() -> None:
    with pytest.raises(BadTestData, match="seen from 0 to 23, the domain is 0 to 1"):
        check_fit(make(X, Y, "t"), three_classes(high=1.0))


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside_the_classes(label: int) -> None:
    y = Y.copy()
    y[4] = label
    with pytest.raises(BadTestData, match="1 labels of t are not between 0 and 2, first in row 4"):
        check_fit(make(X, y, "t"), three_classes())


def test_bounds_of_rows_leave_constant_features_no_room() -> None:
    x = X.copy()
    x[:, 1] = 7

    domain = domain_from_rows(x, ("a", "b", "c"))

    assert domain.lower == (0.0, 7.0, 2.0)
    assert domain.upper == (21.0, 7.0, 23.0)
    assert domain.features == ("a", "b", "c")


def many() -> TestData:
    rng = np.random.default_rng(0)
    y = rng.choice(4, size=1000, p=[0.6, 0.3, 0.09, 0.01])
    return make(np.arange(1000.0)[:, None], y, "many")


@pytest.mark.parametrize("count", [4, 17, 100, 999])
def test_sample_is_stratified_and_in_order(count: int) -> None:
    data = many()

    drawn = sample(data, count, seed=3)

    assert len(drawn.y) == count
    assert (np.diff(drawn.x[:, 0]) > 0).all()
    assert (data.y[drawn.x[:, 0].astype(int)] == drawn.y).all()
    exact = np.bincount(data.y) * count / 1000
    assert (np.abs(np.bincount(drawn.y, minlength=4) - exact) <= 2).all()
    assert set(drawn.y) == {0, 1, 2, 3}


def test_sample_depends_on_its_seed_alone() -> None:
    first, again, other = (sample(many(), 50, seed).digest for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_sample_remembers_where_it_was_drawn_from() -> None:
    data = many()

    drawn = sample(data, 50, 1)

    assert drawn.source_digest == data.digest
    assert drawn.digest != data.digest
    assert sample(data, 5000, 1) == data


def test_sample_of_fewer_than_the_classes() -> None:
    assert len(sample(many(), 2, 1).y) == 2
