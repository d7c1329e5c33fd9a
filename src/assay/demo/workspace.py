"""Writes the clinic's folder: tables, models, networks, keys and assay.toml.

What is wrong in it is what is wrong in many places: the patient table is an ordinary Parquet file
that every account of the machine can read, holds people whose last visit is long ago, and is used to
train a model although some of them took their consent back. The training set beside it is as it
should be: encrypted, its key apart, and only people who agreed.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from assay.atomic import make_folder, write_atomically
from assay.demo.models import train_digits, train_malignancy
from assay.demo.patients import LABEL, SEED, Clinic, live_consent, make_clinic
from assay.errors import BadInput

MARKER = ".assay-demo"
_OURS, _EVERYONE, _KEY_BYTES = 0o640, 0o644, 32


def make_workspace(folder: Path, told: Callable[[str], None]) -> bool:
    """Fill the folder, unless it is filled already; whether it was filled now.

    `told` hears what is being made.

    Raises:
        BadInput: the folder holds something else.
        NotWritable, DiskFull
    """
    if (folder / MARKER).is_file():
        return False
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(
            f"{folder} is there already and is no demo.",
            next_step="Name a folder that is not there.",
        )
    make_folder(folder)
    make_folder(folder / "keys")
    told("patients: 569 real measurements, generated people")
    clinic = make_clinic()
    _write_tables(folder, clinic)
    told("malignancy: training on the measurements of everyone who consented")
    consented = live_consent(clinic)
    malignancy = train_malignancy(
        clinic.measurements[consented], clinic.malignant[consented], seed=SEED
    )
    write_atomically(folder / "malignancy.skops", malignancy.weights, mode=_OURS)
    write_atomically(folder / "malignancy_test.npz", malignancy.test_data, mode=_OURS)
    told("digits: training on 4,000 digits")
    digits = train_digits(seed=SEED)
    write_atomically(folder / "digits.safetensors", digits.weights, mode=_OURS)
    write_atomically(folder / "digits_test.npz", digits.test_data, mode=_OURS)
    for name, source in (("networks.py", "networks.py"), ("assay.toml", "clinic.toml")):
        data = (files("assay.demo") / source).read_bytes()
        write_atomically(folder / name, data, mode=_OURS)
    write_atomically(folder / MARKER, f"{LABEL}; seed {SEED}\n".encode(), mode=_OURS)
    return True


def _write_tables(folder: Path, clinic: Clinic) -> None:
    import pyarrow as pa

    labelled = {"generated_by": f"assay demo, seed {SEED}", "label": LABEL}
    patients = pa.table(clinic.patients).replace_schema_metadata(labelled)
    write_atomically(folder / "patients.parquet", _parquet(patients, None), mode=_EVERYONE)
    consents = _csv(clinic.consents)
    write_atomically(folder / "consents.csv", consents, mode=_OURS)
    key = os.urandom(_KEY_BYTES)
    write_atomically(folder / "keys" / "training_set.key", key)
    columns = ["patient_id", "last_visit", "diagnosis", *clinic.names]
    training = patients.select(columns).filter(pa.array(live_consent(clinic)))
    write_atomically(folder / "training_set.parquet", _parquet(training, key), mode=_OURS)


def _parquet(table: Any, key: bytes | None) -> bytes:
    """The table as Parquet; with a key, every column and the footer encrypted under it."""
    import pyarrow.parquet as pq
    from pyarrow.parquet import encryption

    properties = None if key is None else encryption.create_encryption_properties(key)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", encryption_properties=properties)
    return buffer.getvalue()


def _csv(columns: dict[str, list[str]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return buffer.getvalue().encode()
