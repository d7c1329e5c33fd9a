"""What `assay init` proposes: guesses with reasons, always valid, nothing run, nothing copied."""

from __future__ import annotations

import json
import os
import pty
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import assay.proposal.folder as folder_look
from assay.cli.main import main
from assay.law.applicability import check_facts
from assay.proposal.factories import FoundFactory, factories_in
from assay.proposal.folder import FolderLook, FoundTable, FoundTestData, look_at
from assay.proposal.propose import ASKED, propose
from assay.settings import Settings, read_settings

HEADERS = "patient_id,name,date_of_birth,admission_date,discharge_date,label\n"
NETWORKS = """
import torch.nn as nn
from torch.nn import Module as Base

class Block(nn.Module):
    def __init__(self, width): ...

class DigitsNet(Base):
    def __init__(self, width=3): ...

class Finer(DigitsNet): ...

def build_letters() -> nn.Module: ...

def build_numbers():
    network = DigitsNet()
    return network

def stack():
    return nn.Sequential(nn.Linear(2, 2))

def train(network): return network

class Settings: ...

raise SystemExit("this file was run")
"""


def npy(shape: tuple[int, ...]) -> bytes:
    """The header of an npy file of this shape."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


def put_npz(file: Path, x: tuple[int, ...]) -> None:
    """An npz file with x and y; only their headers are there."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", npy(x))
        archive.writestr("y.npy", npy(x[:1]))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with some of everything."""
    folder = tmp_path / "clinic"
    for name in ("data", "models", "pictures/cat", "pictures/dog", ".git", "node_modules"):
        (folder / name).mkdir(parents=True)
    (folder / "data/patients.csv").write_text(HEADERS + "1,Ada Lovelace,1815-12-10,,,0\n")
    (folder / "data/mortality_train.tsv").write_text(HEADERS.replace(",", "\t"))
    (folder / "data/mortality_test.csv").write_text("age,rate,outcome\n1,2,0\n")
    (folder / "data/visits.jsonl").write_text('{"id": 1, "visit_date": "2020-01-01"}\n')
    (folder / "data/no_headers.csv").write_text("17,Ada Lovelace,ada@example.org\n")
    (folder / ".git/secret.csv").write_text(HEADERS)
    (folder / "node_modules/other.csv").write_text(HEADERS)
    for name in ("digits.safetensors", "mortality.onnx", "old.pkl", "other.joblib"):
        (folder / "models" / name).write_bytes(b"never opened")
    for name in ("cat/1.png", "cat/2.png", "dog/1.JPG"):
        (folder / "pictures" / name).write_bytes(b"never opened")
    put_npz(folder / "data/digits_test.npz", (9, 1, 8, 8))
    (folder / "networks.py").write_text(NETWORKS)
    return folder


@pytest.fixture
def proposed(project: Path) -> Settings:
    """The settings that were proposed for the project."""
    assert main(["init", str(project), "--no-questions"]) == 0
    return read_settings(project)


def test_data_are_found_and_hidden_folders_are_not_entered(proposed: Settings) -> None:
    sources = {name: dataset.source for name, dataset in proposed.datasets.items()}
    assert sources == {
        "mortality_test": "data/mortality_test.csv",
        "mortality_train": "data/mortality_train.tsv",
        "patients": "data/patients.csv",
        "visits": "data/visits.jsonl",
    }


def test_columns_are_guessed_from_headers(proposed: Settings, project: Path) -> None:
    assert proposed.datasets["patients"].subject_column == "patient_id"
    assert proposed.datasets["visits"].subject_column == ""
    text = (project / "assay.toml").read_text()
    assert '# start_column = "discharge_date"  # why: the header names a date' in text
    assert '# start_column = "visit_date"' in text
    assert 'is it "id"?' in text


@pytest.mark.parametrize(
    "header",
    [
        "patient_id",
        "Kunden-Nr.",
        "Kundennummer",
        "Patientennummer",
        "Mitarbeiter-ID",
        "Versichertennr",
        "Schüler-Nr",
        "numéro_client",
        "n° adhérent",
        "id_patient",
        "Numéro de l'assuré",
        "ID del paciente",
        "Código cliente",
        "nº socio",
    ],
)
def test_a_persons_number_is_known_in_four_languages(header: str) -> None:
    look = FolderLook("x", tables=(FoundTable("a.csv", ("Datum", header, "montant")),))
    assert propose(look, {}).datasets[0].subject.value == header


@pytest.mark.parametrize(
    "header", ["Kundenzufriedenheit", "no_customer_calls", "personal", "code", "numéro", "client"]
)
def test_other_headers_are_no_persons_number(header: str) -> None:
    look = FolderLook("x", tables=(FoundTable("a.csv", (header,)),))
    assert propose(look, {}).datasets[0].subject.value == ""


def test_access_is_proposed_with_a_reason(proposed: Settings, project: Path) -> None:
    assert proposed.access is not None
    assert proposed.access.owners == ("me",)
    text = (project / "assay.toml").read_text()
    assert 'owners = ["me"]  # why: the account that runs assay owns the files' in text
    assert "CHK-FILE-ACCESS is UNKNOWN" in text


def test_a_file_without_headers_waits_for_them(proposed: Settings, project: Path) -> None:
    assert "no_headers" not in proposed.datasets
    text = (project / "assay.toml").read_text()
    assert "Add one that names the columns first:\n# [datasets.no_headers]" in text
    assert '# source = "data/no_headers.csv"' in text
    assert "more files of data" not in text


def test_names_of_files_without_headers_are_not_taken() -> None:
    tables = FoundTable("a/x.csv", headless=True), FoundTable("b/x.csv", ("id",))
    found = propose(FolderLook("x", tables=tables), {})
    assert [dataset.name for dataset in found.datasets] == ["x"]
    assert "# [datasets.x_2]" in found.text
    many = tuple(FoundTable(f"{n}.csv", headless=True) for n in range(25))
    assert "# 5 more files of data" in propose(FolderLook("x", tables=many), {}).text


def test_the_only_model_gets_the_only_examples(tmp_path: Path) -> None:
    for place in ("scans/sick", "scans/well", "models"):
        (tmp_path / place).mkdir(parents=True)
    for place in ("scans/sick", "scans/well"):
        (tmp_path / place / "1.png").touch()
    (tmp_path / "models/net.onnx").touch()
    (tmp_path / "eval.csv").write_text("age,label\n1,0\n")
    assert main(["init", str(tmp_path), "--no-questions"]) == 0
    assert read_settings(tmp_path).models["net"].test_data == "scans"
    assert read_settings(tmp_path).models["net"].input == "image"
    (tmp_path / "models/other.onnx").touch()
    assert main(["init", str(tmp_path), "--no-questions", "--force"]) == 0
    assert read_settings(tmp_path).models["net"].test_data == ""
    text = (tmp_path / "assay.toml").read_text()
    assert text.count('# test_data = "scans"  # fill in: nothing says') == 2


@pytest.mark.parametrize(("suffix", "count"), [("pt", 1), ("onnx", 0), ("skops", 0)])
def test_images_are_suggested_for_torch_alone(suffix: str, count: int) -> None:
    text = propose(FolderLook("x", weights=(f"net.{suffix}",)), {}).text
    assert text.count('# input = "image"') == count


def test_models_get_their_network_and_their_test_data(proposed: Settings) -> None:
    digits, mortality = proposed.models["digits"], proposed.models["mortality"]
    assert digits.source == "models/digits.safetensors"
    assert (digits.factory, digits.test_data) == ("networks:DigitsNet", "data/digits_test.npz")
    assert digits.input == "image"
    assert (mortality.test_data, mortality.label) == ("data/mortality_test.csv", "outcome")
    assert mortality.input == "tabular"
    assert mortality.trained_on == ("mortality_train",)


def test_a_row_of_data_is_never_taken_for_headers(project: Path) -> None:
    main(["init", str(project), "--no-questions"])
    text = (project / "assay.toml").read_text()
    assert "Lovelace" not in text
    assert "example.org" not in text


def test_pickles_are_named_with_what_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(project), "--no-questions"]) == 0
    text = (project / "assay.toml").read_text()
    assert "#   models/old.pkl" in text
    assert "skops.io.dump" in text
    shown = capsys.readouterr().out
    assert "never opened" in shown
    assert "assay doctor" in shown


def test_every_guess_says_why(proposed: Settings, project: Path) -> None:
    lines = (project / "assay.toml").read_text().splitlines()
    guessed = [
        line for line in lines if line.startswith(("factory", "test_data", "input", "label"))
    ]
    assert len(guessed) >= 5
    assert [line for line in guessed if "# why: " not in line] == []


def test_an_empty_folder_gets_a_minimal_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path)]) == 0
    found = read_settings(tmp_path)
    assert (dict(found.datasets), dict(found.models), found.facts_by_id()) == ({}, {}, {})
    assert "# [datasets.patients]" in (tmp_path / "assay.toml").read_text()
    assert "neither data nor models" in capsys.readouterr().out


def test_commented_examples_are_valid_once_uncommented(tmp_path: Path) -> None:
    text = propose(FolderLook("empty"), {}).text
    examples = [
        line.removeprefix("# ")
        if line.startswith(("# [", "# source", "# purposes", "# subj", "# test", "# fact", "# inp"))
        else line
        for line in text.splitlines()
    ]
    (tmp_path / "assay.toml").write_text("\n".join(examples))
    found = read_settings(tmp_path)
    assert (list(found.datasets), list(found.models)) == (["patients"], ["digits"])


def test_an_assay_toml_that_is_there_is_kept(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "assay.toml").write_text("mine")
    assert main(["init", str(project)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["init", str(project), "--dry-run"]) == 0
    assert (project / "assay.toml").read_text() == "mine"
    assert main(["init", str(project), "--force"]) == 0
    assert read_settings(project).organisation.name == "clinic"


def test_dry_run_prints_what_would_be_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(project), "--dry-run"]) == 0
    assert not (project / "assay.toml").exists()
    printed = capsys.readouterr().out
    assert main(["init", str(project)]) == 0
    assert (project / "assay.toml").read_text() == printed


def test_json_holds_the_guesses(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(project), "--dry-run", "--json", "-"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["written"]) == (1, False)
    assert [model["factory"] for model in said["models"]] == ["networks:DigitsNet", ""]
    assert said["never_opened"] == ["models/old.pkl", "models/other.joblib"]


def test_what_is_no_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert main(["init", str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even root writes here."""
    assert main(["init", "/proc/self/fdinfo", "--no-questions"]) == 3
    assert "cannot be written" in capsys.readouterr().err


def test_weights_without_arguments_or_with_two_fits_are_left_to_a_person() -> None:
    needy = FolderLook("x", weights=("net.pt",), factories=(FoundFactory("a:Net", ("width",)),))
    model = propose(needy, {}).models[0]
    assert model.factory.value == ""
    assert "a:Net wants width" in model.factory.why
    two = FolderLook(
        "x",
        weights=("digits.onnx",),
        test_data=(FoundTestData("a/digits.npz", True), FoundTestData("b/digits.npz", True)),
    )
    assert propose(two, {}).models[0].test_data.value == ""


def test_factories_are_found_by_reading_alone() -> None:
    assert factories_in(NETWORKS.encode(), "networks") == (
        FoundFactory("networks:Block", ("width",)),
        FoundFactory("networks:DigitsNet"),
        FoundFactory("networks:Finer"),
        FoundFactory("networks:build_letters"),
        FoundFactory("networks:build_numbers"),
        FoundFactory("networks:stack"),
    )


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"def (",
        b"(" * 5_000,
        b"-" * 100_000 + b"1",
        b"a" + b".a" * 9_999,
    ],
    ids=["empty", "nul", "not UTF-8", "no Python", "brackets", "minus", "dots"],
)
def test_code_that_cannot_be_parsed_holds_no_factory(source: bytes) -> None:
    assert factories_in(source, "m") == ()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b""),
        ("a.csv", b"\x00\xff" * 100),
        ("a.jsonl", b"[" * 50_000),
        ("a.jsonl", b'{"a": '),
        ("a.jsonl", b"[1, 2]\n"),
        ("a.parquet", b"PAR1 and no more PAR1"),
        ("a.parquet", b""),
        ("a.npz", b"PK\x03\x04"),
        ("a.npz", b"x" * 100),
    ],
)
def test_damaged_files_are_proposed_without_columns(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    look = look_at(tmp_path)
    assert [table.columns for table in look.tables] in ([], [()])
    assert main(["init", str(tmp_path)]) == 0


def test_damaged_arrays_are_no_test_data(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00\xff\xff{")
        archive.writestr("y.npy", b"")
    assert look_at(tmp_path).test_data == ()


def test_parquet_columns_wait_for_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(folder_look, "find_spec", lambda name: None)
    assert main(["init", str(tmp_path)]) == 0
    assert (
        "reading Parquet needs pip install 'assay[data]'" in (tmp_path / "assay.toml").read_text()
    )


def test_parquet_columns_are_read_from_its_schema(tmp_path: Path) -> None:
    table = pa.table({"member_id": [1], "created_at": ["2020-01-01"]})
    parquet.write_table(table, tmp_path / "members.parquet")
    assert main(["init", str(tmp_path)]) == 0
    assert read_settings(tmp_path).datasets["members"].subject_column == "member_id"


def test_the_look_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "1/2/3/4/5/6"
    (deep / "7").mkdir(parents=True)
    (deep / "seen.csv").touch()
    (deep / "7" / "unseen.csv").touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [table.path for table in look_at(tmp_path).tables] == ["1/2/3/4/5/6/seen.csv"]
    for number in range(30):
        (tmp_path / f"{number:02}.csv").touch()
    monkeypatch.setattr(folder_look, "FILES_MAX", 10)
    look = look_at(tmp_path)
    assert len(look.tables) == 10
    assert "only the first 10 files" in propose(look, {}).text


def test_so_many_are_proposed_and_the_others_counted(tmp_path: Path) -> None:
    look = FolderLook("x", tables=tuple(FoundTable(f"{n}.csv") for n in range(150)), tables_more=7)
    found = propose(look, {})
    assert len(found.datasets) == 100
    assert "# 57 more files of data or weights are not proposed" in found.text


# A file's name holds no slash and no NUL; its bytes need not be UTF-8, which Python shows as
# surrogates.
_CHARACTERS = st.characters(exclude_characters="/\x00", exclude_categories=["Cs"])
_BYTES = st.sampled_from([chr(0xDC00 + byte) for byte in range(128, 256)])
_ODD = st.sampled_from("\"'\\\n\r\t\x7f\x85\u2028~#[]=.- \x1b😀é名")
_NAMES = st.lists(st.one_of(_CHARACTERS, _BYTES, _ODD), min_size=1, max_size=255).map("".join)
_COLUMNS = st.lists(
    st.one_of(_NAMES, st.sampled_from(["patient_id", "id", "admission_date", "label"])), max_size=6
)


@settings(max_examples=120, deadline=None)
@given(
    name=_NAMES,
    tables=st.lists(
        st.builds(FoundTable, _NAMES.map("{}.csv".format), _COLUMNS.map(tuple), _NAMES)
    ),
    weights=st.lists(_NAMES.map("{}.pt".format)),
    pickles=st.lists(_NAMES),
    tests=st.lists(st.builds(FoundTestData, _NAMES, st.sampled_from([True, False, None]))),
)
def test_whatever_files_are_called_the_proposal_can_be_read(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    tables: list[FoundTable],
    weights: list[str],
    pickles: list[str],
    tests: list[FoundTestData],
) -> None:
    factories = (FoundFactory("package.module:Network"),)
    look = FolderLook(
        name, tuple(tables), tuple(weights), tuple(pickles), factories, tuple(tests), "cut"
    )
    found = propose(look, dict.fromkeys(ASKED, ()))
    folder = tmp_path_factory.getbasetemp() / "proposal"
    folder.mkdir(exist_ok=True)
    (folder / "assay.toml").write_text(found.text, encoding="utf-8", newline="")
    read = read_settings(folder)
    assert [d.source for d in read.datasets.values()] == [d.table.path for d in found.datasets]
    assert [m.source for m in read.models.values()] == [m.source for m in found.models]
    for path in (d.source for d in read.datasets.values()):
        assert read.path(path) == Path(os.path.abspath(folder / path))  # noqa: PTH100


def test_real_files_with_odd_names_are_found_again(tmp_path: Path) -> None:
    names = ['a"b.csv', "a'b.csv", "a\nb.csv", "ü名😀.csv", "n" * 250 + ".csv", "#.csv", "=[].csv"]
    for name in names:
        (tmp_path / name).write_text("id\n")
    (tmp_path / "~root.csv").write_text("id\n")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")).write_text("id\n")
    assert main(["init", str(tmp_path)]) == 0
    read = read_settings(tmp_path)
    assert sorted(d.source for d in read.datasets.values()) == sorted(names)
    assert all(read.path(dataset.source).is_file() for dataset in read.datasets.values())
    text = (tmp_path / "assay.toml").read_text()
    assert "~root.csv" in text
    assert "\\udcff.csv" in text


def test_the_longest_names_stay_below_the_limit_of_settings(tmp_path: Path) -> None:
    paths = [f"{n}/" + "\x01" * 160 + ".csv" for n in range(300)]
    look = FolderLook(
        "x" * 255,
        tables=tuple(FoundTable(path, ("patient_id",)) for path in paths),
        weights=tuple(path.replace(".csv", ".pt") for path in paths),
        test_data=(FoundTestData(paths[0].replace(".csv", ".npz"), None),),
    )
    (tmp_path / "assay.toml").write_text(propose(look, {}).text)
    assert len(read_settings(tmp_path).datasets) == 100


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Standard input as a terminal on which somebody types these lines."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, encoding="utf-8") as typed:
        monkeypatch.setattr("sys.stdin", typed)
        yield lambda *lines: os.write(ours, ("\n".join(lines) + "\n").encode())
    os.close(ours)


def test_facts_are_asked_for_on_a_terminal(
    tmp_path: Path, terminal: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal("controller, AI_provider", "de fr", "", "none", "none")
    assert main(["init", str(tmp_path)]) == 0
    facts = read_settings(tmp_path).facts_by_id()
    assert facts == {
        "org.roles": ("controller", "ai_provider"),
        "org.establishments": ("DE", "FR"),
        "org.commitments": (),
        "data.kinds": ("none",),
    }
    check_facts(facts)
    assert "# offers_to_people_in = []" in (tmp_path / "assay.toml").read_text()
    assert "Enter leaves a question open" in capsys.readouterr().err


def test_an_answer_that_cannot_be_is_asked_again(
    tmp_path: Path, terminal: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal("emperor", "processor", "Germany", "DE", "", "", "")
    assert main(["init", str(tmp_path)]) == 0
    facts = read_settings(tmp_path).facts_by_id()
    assert facts == {"org.roles": ("processor",), "org.establishments": ("DE",)}
    assert "'emperor' is not understood" in capsys.readouterr().err


def test_nobody_is_asked_who_does_not_want_to_be(tmp_path: Path, terminal: Any) -> None:
    terminal("controller")
    assert main(["init", str(tmp_path), "--no-questions"]) == 0
    assert read_settings(tmp_path).facts_by_id() == {}


def test_unanswered_facts_are_written_with_question_and_values(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path)]) == 0
    text = (tmp_path / "assay.toml").read_text()
    for fact in ASKED:
        assert f"# {fact.partition('.')[2]} = []" in text
    assert "any of controller, processor" in text
