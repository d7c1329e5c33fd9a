"""Small workspaces that are made in a moment, and commands carried out in this process.

The people in the tables are generated from a seed; `Workspace.canaries` holds every value of them
that must never be seen again outside the tables.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from assay.cli.main import main

NETWORKS = """
from torch import nn

def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
"""

SCORER = """
import numpy as np

WEIGHTS = np.array([[1.0, -1.0], [0.5, -0.5], [-1.0, 1.0], [0.2, 0.1]])

def scores(batch):
    return batch @ WEIGHTS
"""

_FIRST = ("Adelheid", "Brunhild", "Cunigunde", "Dietlinde", "Edeltraud", "Friedburg", "Gerlinde")
_LAST = ("Quastenberg", "Rossmarkt", "Silberhorn", "Tannengrund", "Uferstein", "Vogelsanger")

TOML = """schema = 1

[organisation]
name = "Test Clinic"

[facts]
org.roles = ["controller"]
org.establishments = ["DE"]

[access]
owners = ["me"]

[purposes.training]
basis = "consent"
consent = { source = "consents.csv" }

[datasets.people]
source = "people.csv"
purposes = ["training"]
subject_column = "person_id"

[datasets.people.retention]
start_column = "last_visit"
maximum = "P10Y"
"""

FUNCTION_MODEL = """
[models.scorer]
factory = "scorer:scores"
test_data = "test.npz"
epsilons = [0.1]
trained_on = ["people"]
"""

TORCH_MODEL = """
[models.net]
source = "net.safetensors"
factory = "networks:network"
test_data = "images.npz"
input = "image"
epsilons = [0.05, 0.1]
show_examples = true
"""


@dataclass(frozen=True)
class Workspace:
    """A folder with an assay.toml, and the values in it that nobody else may see."""

    folder: Path
    canaries: tuple[str, ...] = ()

    @property
    def toml(self) -> Path:
        return self.folder / "assay.toml"

    @property
    def state(self) -> Path:
        return self.folder / ".assay"

    def change(self, old: str, new: str) -> None:
        """Change a text of assay.toml that is there."""
        text = self.toml.read_text()
        assert old in text
        self.toml.write_text(text.replace(old, new))

    def files(self) -> dict[str, int]:
        """Every file outside `.assay` with its size."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.folder)): path.stat().st_size
            for path in found
            if ".assay/" not in str(path) and "__pycache__" not in str(path)
        }


@dataclass(frozen=True)
class Outcome:
    """What a command gave."""

    status: int
    out: str
    err: str


def command(*arguments: str | Path) -> Outcome:
    """Carry out a command of assay in this process."""
    out, err = _stream(), _stream("backslashreplace")
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return Outcome(status, _text(out), _text(err))


def make_workspace(folder: Path, *models: str, rows: int = 50) -> Workspace:
    """A table of people with their consents, and the `models` (`function`, `torch`) that are named."""
    folder.mkdir(parents=True, exist_ok=True)
    people = make_people(rows)
    write_csv(folder / "people.csv", people)
    write_csv(folder / "consents.csv", _consents(people))
    toml = TOML
    if "function" in models:
        add_function_model(folder)
        toml += FUNCTION_MODEL
    if "torch" in models:
        add_torch_model(folder)
        toml += TORCH_MODEL
    (folder / "assay.toml").write_text(toml)
    return Workspace(folder, canaries(people))


def make_people(rows: int, seed: int = 7) -> list[dict[str, str]]:
    """Generated people, always the same for a seed."""
    rng = Random(seed)  # noqa: S311 - nothing here is secret
    people = []
    for number in range(rows):
        first, last = rng.choice(_FIRST), f"{rng.choice(_LAST)}{rng.choice('abcdefgh')}"
        ssn = f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"
        people.append(
            {
                "person_id": f"P{number:04d}",
                "full_name": f"{first} {last}",
                "email": f"{first}.{last}{number}@example.org".lower(),
                "ssn": ssn,
                "last_visit": f"{rng.randint(2012, 2026)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
                "notes": f"Spoke with {first} {last} about the {rng.choice('xyz')}{number} result.",
            }
        )
    return people


def canaries(people: list[dict[str, str]]) -> tuple[str, ...]:
    """Every value of these people that identifies somebody."""
    columns = ("full_name", "email", "ssn", "notes")
    return tuple(person[column] for person in people for column in columns)


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: list[dict[str, str]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({name: [row[name] for row in rows] for name in rows[0]}), path)


def add_function_model(folder: Path, rows: int = 40) -> None:
    """A linear model as a function, with test data that it gets mostly right."""
    import numpy as np

    (folder / "scorer.py").write_text(SCORER)
    x = np.random.default_rng(3).normal(size=(rows, 4)).astype("float32")
    weights = np.array([[1.0, -1.0], [0.5, -0.5], [-1.0, 1.0], [0.2, 0.1]])
    save_npz(folder / "test.npz", x, (x @ weights).argmax(axis=1))


def add_torch_model(folder: Path, examples: int = 24) -> None:
    """A tiny network with weights from a seed, and images labelled by what it answers."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    (folder / "networks.py").write_text(NETWORKS)
    space: dict[str, Any] = {}
    exec(NETWORKS, space)  # noqa: S102 - the text above
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = space["network"]()
    save_file(network.state_dict(), folder / "net.safetensors")
    x = np.random.default_rng(5).random((examples, 1, 8, 8), dtype="float32")
    with torch.no_grad():
        labels = network(torch.from_numpy(x)).argmax(dim=1).numpy()
    save_npz(folder / "images.npz", x, labels)


def save_npz(path: Path, x: Any, y: Any) -> None:
    import numpy as np

    np.savez(path, x=x, y=y)


def everything_in(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's environment for a child, without what assay reads from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    return {**kept, **changes}


ASSAY = (sys.executable, "-c", "from assay.cli.main import run; run()")
"""A child process that is the command."""


def _consents(people: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        {
            "subject": person["person_id"],
            "purpose": "training",
            "granted_at": "2020-05-05",
            "withdrawn_at": "2021-01-01" if number % 10 == 0 else "",
        }
        for number, person in enumerate(people)
    ]


def _stream(errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors, write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
