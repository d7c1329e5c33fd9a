"""What assay.toml may say, and how each mistake in it is named with its place."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay._toml_places import line_of, nearest
from assay.bootstrap import open_parts
from assay.errors import SettingsError, UnreadableFile
from assay.settings import Settings, read_settings

GOOD = """schema = 1

[organisation]
name = "Clinic"

[facts]
org.roles = ["controller"]

[purposes.training]
basis = "consent"
consent = { source = "consents.csv" }

[datasets.people]
source = "people.csv"
purposes = ["training"]

[datasets.people.retention]
start_column = "last_visit"
maximum = "P10Y"

[datasets.people.columns.note]
because = "a person looked"

[models.net]
source = "net.safetensors"
epsilons = [0.1]
trained_on = ["people"]
"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """A file that is as it should be."""
    path = tmp_path / "assay.toml"
    path.write_text(GOOD)
    return path


def change(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def refused(path: Path) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        read_settings(path)
    assert str(path) in caught.value.message
    assert caught.value.next_step
    assert caught.value.exit_code == 2
    return caught.value


def test_good_file(toml: Path) -> None:
    read = read_settings(toml)

    assert read.folder == toml.parent
    assert read.path("people.csv") == toml.parent / "people.csv"
    assert read.path("/abs/../x") == Path("/x")
    assert read.facts_by_id() == {"org.roles": ("controller",)}
    assert read.models["net"].epsilons == (0.1,)


def test_folder_stands_for_its_file(toml: Path) -> None:
    assert read_settings(toml.parent).folder == toml.parent


def test_relative_path(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(toml.parent)
    assert read_settings(Path("assay.toml")).folder == toml.parent
    assert read_settings(Path()).folder == toml.parent


def test_link_counts_where_it_lies(toml: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "assay.toml"
    link.symlink_to(toml)

    assert read_settings(link).path("people.csv") == tmp_path / "elsewhere" / "people.csv"


def test_settings_are_frozen(toml: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings(toml).organisation.name = "other"


def test_byte_order_mark_of_an_editor(toml: Path) -> None:
    toml.write_bytes(b"\xef\xbb\xbf" + toml.read_bytes().replace(b"\n", b"\r\n"))
    assert read_settings(toml).organisation.name == "Clinic"


def test_environment_goes_before_the_file(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_WORKSPACE", "/somewhere/else")
    monkeypatch.setenv("ASSAY_STORE_URL", "postgresql://host/name")
    read = read_settings(toml)

    assert read.workspace_folder == Path("/somewhere/else")
    assert read.store_url == "postgresql://host/name"


def test_store_lies_in_the_workspace(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_STORE_URL", raising=False)
    monkeypatch.setenv("ASSAY_WORKSPACE", "state")
    assert read_settings(toml).store_url == f"sqlite:///{toml.parent / 'state/records.sqlite'}"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "guess"),
    [
        ("[organisation]", "[organization]", 3, "organization", "organisation"),
        ("schema = 1", "schema = 1\nshcema = 1", 2, "shcema", "schema"),
        ('source = "people.csv"', 'sorce = "people.csv"', 14, "datasets.people.sorce", "source"),
        ("maximum =", "maximun =", 19, "datasets.people.retention.maximun", "maximum"),
        ("because =", "becuse =", 22, "datasets.people.columns.note.becuse", "because"),
        ("{ source", "{ sorce", 11, "purposes.training.consent.sorce", "source"),
        ("epsilons", "epsilon", 26, "models.net.epsilon", "epsilons"),
        ("[models.net]", "[models.source]\nsorce = 1", 25, "models.source.sorce", "source"),
        ("[models.net]", '[models."n.t"]\nsorce = 1', 25, "models.n.t.sorce", "source"),
    ],
)
def test_unknown_key_and_the_nearest(
    toml: Path, old: str, new: str, line: int, key: str, guess: str
) -> None:
    error = refused(change(toml, old, new))

    assert error.message == f"{toml}, line {line}: there is no key {key!r}."
    assert error.next_step == f"Did you mean {guess!r}?"


def test_unknown_key_like_no_other_lists_those_there_are(toml: Path) -> None:
    error = refused(change(toml, 'name = "Clinic"', 'name = "Clinic"\nzzzz = 1'))
    assert error.next_step == "Known keys: name."


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("schema = 1", "schema = 2", 1, "schema"),
        ("schema = 1", 'schema = "1"', 1, "schema"),
        ("schema = 1\n", "\n", 1, "'schema' is missing"),
        ('name = "Clinic"', "", 3, "'organisation.name' is missing"),
        ('name = "Clinic"', 'name = ""', 4, "1 to 200 characters"),
        ('name = "Clinic"', f'name = "{"x" * 201}"', 4, "1 to 200 characters"),
        ('name = "Clinic"', 'name = "a\\nb"', 4, "no line breaks and no control characters"),
        ('name = "Clinic"', 'name = "a\\u001b[31m"', 4, "no control characters"),
        ('name = "Clinic"', "name = 7", 4, "valid string"),
        ('"P10Y"', '"ten years"', 19, "written like P10Y"),
        ('"P10Y"', '"P10Y\\n"', 19, "written like P10Y"),
        ('"people.csv"', '"a\\u0000b"', 14, "no NUL"),
        ('"people.csv"', '"~nobody-of-that-name/x"', 14, "no such home folder"),
        ('"people.csv"', f'"{"x" * 300}"', 14, "longer than a file system allows"),
        ("[datasets.people]", '[datasets."../etc"]', 13, "a name has at most 64"),
        ("[models.net]", '[models."with space"]', 24, "a name has at most 64"),
        ("[0.1]", "[]", 26, "epsilons"),
        ("[0.1]", "[nan]", 26, "finite"),
        ("[0.1]", "[1.5]", 26, "less than or equal to 1"),
        ("[0.1]", "[-0.1]", 26, "greater than 0"),
        ("[0.1]", "0.1", 26, "epsilons"),
        ('["controller"]', "2020-01-01", 7, "a fact is"),
        ('["controller"]', "nan", 7, "a fact is"),
        ('["controller"]', "[1, {}]", 7, "a fact is"),
        ('["controller"]', "9007199254740993", 7, "a fact is"),
        ('["training"]', '["trainig"]', 15, "there is no purpose 'trainig'"),
        ('["people"]', '["peopel"]', 27, "there is no dataset 'peopel'"),
        ('source = "net.safetensors"', "", 24, "neither source nor factory"),
    ],
)
def test_value_that_cannot_be(toml: Path, old: str, new: str, line: int, what: str) -> None:
    error = refused(change(toml, old, new))

    assert error.message.startswith(f"{toml}, line {line}: ")
    assert what in error.message


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("schema = \n", "line 1, column 10"),
        ("schema = 1\n[organisation\n", "line 2, column 14"),
        ("schema = 1\nname 'x'\n", "line 2, column 6"),
        ("a = 1\na = 2\n", "line 2, column 6"),
        ('schema = 1\nname = "open', "line 2, column 13"),
        ("schema = [1,", "line 1, column 13, the end of the file"),
        ("a = 2020-13-45\n", "line 1"),
    ],
)
def test_malformed_toml_names_line_and_column(toml: Path, text: str, where: str) -> None:
    toml.write_text(text)
    error = refused(toml)

    assert "is not TOML" in error.message
    assert where in error.message


@pytest.mark.parametrize(
    ("text", "what"), [("a = " + "[" * 5_000, "nested"), ("a = " + "1" * 5_000, "number")]
)
def test_toml_beyond_all_measure(toml: Path, text: str, what: str) -> None:
    toml.write_text(text)
    assert what in refused(toml).message


@pytest.mark.parametrize(
    ("old", "new", "what", "step"),
    [
        ("org.roles", "org.rolls", "there is no fact 'org.rolls'", "Did you mean 'org.roles'?"),
        ("controller", "controler", "cannot be 'controler'", "It may hold: "),
        ('["controller"]', '"controller"', "is to be a set", "It asks: "),
    ],
)
def test_misspelt_fact_is_refused_before_a_workspace_is_begun(
    toml: Path, old: str, new: str, what: str, step: str
) -> None:
    read = read_settings(change(toml, old, new))
    with pytest.raises(SettingsError, match=f"{toml}, line 7: ") as caught, open_parts(read):
        pass

    assert what in caught.value.message
    assert step in caught.value.next_step
    assert not (toml.parent / ".assay").exists()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda p: p.unlink(), "There is no file"),
        (lambda p: (p.unlink(), p.mkdir()), "There is no file"),
        (lambda p: p.write_bytes(b"schema = 1\n# \xff\n"), "line 2: not UTF-8"),
        (lambda p: p.write_bytes(b"#" * 1_000_001), "longer than a million bytes"),
        (lambda p: (p.unlink(), p.symlink_to(p)), "cannot be read"),
    ],
    ids=["missing", "folder", "not utf-8", "too long", "link to itself"],
)
def test_file_that_cannot_be_read(toml: Path, make: Any, what: str) -> None:
    make(toml)
    with pytest.raises(UnreadableFile, match=what) as caught:
        read_settings(toml)
    assert caught.value.next_step


@pytest.mark.skipif(os.geteuid() == 0, reason="modes do not bind root")
def test_file_that_may_not_be_read(toml: Path) -> None:
    toml.chmod(0)
    with pytest.raises(UnreadableFile, match="Permission denied"):
        read_settings(toml)


def test_path_below_a_file_and_path_with_nul(toml: Path) -> None:
    for path in (toml / "assay.toml", Path("\0")):
        with pytest.raises(UnreadableFile):
            read_settings(path)


def test_settings_without_a_file() -> None:
    read = Settings.model_validate({"schema": 1, "organisation": {"name": "x"}})
    assert read.place("organisation") == "assay.toml"


_ANY_SPEED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

KEYS = st.sampled_from(
    ["schema", "organisation", "name", "facts", "datasets", "models", "purposes", "source"]
) | st.sampled_from(["retention", "epsilons", "columns", "consent", "bounds", "people", "x", "é"])
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, suppress_health_check=_ANY_SPEED, deadline=None)
@given(table=st.dictionaries(KEYS, VALUES, max_size=6), good=st.booleans())
def test_any_table_is_read_or_refused(toml: Path, table: dict[str, Any], good: bool) -> None:
    start = {"schema": 1, "organisation": {"name": "x"}} if good else {}
    _read_or_refuse(toml, _written({**table, **start}).encode("utf-8", "replace"))


@settings(max_examples=200, suppress_health_check=_ANY_SPEED, deadline=None)
@given(place=st.integers(0, len(GOOD)), bytes_=st.binary(max_size=6), cut=st.integers(0, 30))
def test_any_damage_is_read_or_refused(toml: Path, place: int, bytes_: bytes, cut: int) -> None:
    good = GOOD.encode()
    _read_or_refuse(toml, good[:place] + bytes_ + good[place + cut :])


def _read_or_refuse(toml: Path, data: bytes) -> None:
    toml.write_bytes(data)
    refusal: SettingsError | UnreadableFile | None = None
    try:
        read_settings(toml)
    except (SettingsError, UnreadableFile) as error:
        refusal = error
    if refusal is not None:
        assert str(toml) in refusal.message
        assert refusal.next_step
        assert "\n" not in refusal.message


def _written(value: Any) -> str:
    """A table as TOML, one inline value a line."""
    return "".join(f"{_key(key)} = {_inline(item)}\n" for key, item in value.items())


def _key(key: str) -> str:
    return f'"{key}"'


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    return str(value)


def test_written_tables_are_toml() -> None:
    table = {"x": [1, {"é": "a\n", "source": True}], "name": 1.5}
    assert tomllib.loads(_written(table)) == table


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (["a", "b", "c"], 2),
        (["a", "b", "missing"], 1),
        (["d.e", "f"], 4),
        (["g", "h"], 6),
        (["nowhere"], 1),
    ],
)
def test_line_of(place: list[str], line: int) -> None:
    text = '[a.b] # first\nc = 1\n["d.e"]\nf = 2\n[g]\nh.i = "x"\n[g2]\n'
    assert line_of(text, place) == line


def test_nearest() -> None:
    assert nearest("sorce", ["source", "schema"]) == "source"
    assert nearest("zzz", ["source", "schema"]) is None
