"""The demo: generated people that are labelled so, always the same, and the whole job on them."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from assay.demo.patients import LABEL, Clinic, live_consent, make_clinic
from assay.demo.workspace import MARKER, make_workspace
from assay.errors import BadInput
from assay.settings import read_settings
from tests.workspaces import ASSAY, clean_environment

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return make_clinic()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clinic's folder, both models trained."""
    place = tmp_path_factory.mktemp("demo") / "clinic"
    told: list[str] = []
    assert make_workspace(place, told.append)
    assert len(told) == 3
    return place


def test_tables_are_always_the_same(clinic: Clinic) -> None:
    again = make_clinic()

    assert again.patients == clinic.patients
    assert again.consents == clinic.consents


def test_real_measurements_of_569_people(clinic: Clinic) -> None:
    assert {len(column) for column in clinic.patients.values()} == {569}
    assert clinic.measurements.shape == (569, 30)
    assert int(clinic.malignant.sum()) == 212, "as the Wisconsin data say"


def test_consents(clinic: Clinic) -> None:
    withdrawn = [when for when in clinic.consents["withdrawn_at"] if when]

    assert len(clinic.consents["subject"]) == 563, "six were never asked"
    assert len(withdrawn) == 17
    assert sum(live_consent(clinic)) == 546


def test_nobody_can_be_reached(clinic: Clinic) -> None:
    """Addresses of example.org (RFC 2606) and numbers 555-01xx, which nobody has."""
    assert all(email.endswith("@example.org") for email in clinic.patients["email"])
    assert all(" 555-01" in phone for phone in clinic.patients["phone"])


def test_parquet_says_that_it_is_generated(folder: Path) -> None:
    metadata = pq.read_schema(folder / "patients.parquet").metadata

    assert metadata[b"label"].decode() == LABEL
    assert b"seed 20261122" in metadata[b"generated_by"]
    assert LABEL in (folder / MARKER).read_text()


def test_training_set_is_encrypted_and_of_people_who_consented(folder: Path) -> None:
    path = folder / "training_set.parquet"
    with pytest.raises(OSError, match="encrypted"):
        pq.read_table(path)
    key = (folder / "keys" / "training_set.key").read_bytes()
    table = pq.read_table(path, decryption_properties=encryption.create_decryption_properties(key))

    assert table.num_rows == 546
    assert not {"full_name", "email", "ssn", "notes"} & set(table.column_names)
    assert key not in b"".join(p.read_bytes() for p in folder.glob("*.*") if p.is_file())


def test_modes(folder: Path) -> None:
    modes = {p.name: p.stat().st_mode & 0o777 for p in folder.rglob("*")}

    assert modes["patients.parquet"] == 0o644, "the demo's fault"
    assert modes["keys"] == 0o700
    assert modes["training_set.key"] == 0o600
    assert modes["training_set.parquet"] == 0o640


def test_settings_can_be_read(folder: Path) -> None:
    read = read_settings(folder)
    assert (set(read.datasets), set(read.models)) == (
        {"patients", "training_set"},
        {"malignancy", "digits"},
    )


def test_second_time_leaves_it_alone(folder: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}

    assert not make_workspace(folder, pytest.fail)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(BadInput, match="is no demo"):
            make_workspace(place, pytest.fail)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.long
def test_whole_demo_in_90_seconds_and_2_gibibytes(tmp_path: Path) -> None:
    started = time.perf_counter()
    done = subprocess.run(
        [*ASSAY, "demo", str(tmp_path / "clinic")],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    seconds = time.perf_counter() - started
    peak_kibibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    again = subprocess.run(
        [*ASSAY, "demo", str(tmp_path / "clinic")], capture_output=True, text=True, check=False
    )
    found = json.loads((tmp_path / "clinic" / "assessment.json").read_bytes())

    assert done.returncode == 0, done.stderr
    assert seconds < 90
    assert peak_kibibytes < 2 * 1024 * 1024
    assert {m["model"]["name"] for m in found["robustness"]} == {"digits", "malignancy"}
    assert again.stderr.count("kept from before") >= 9
