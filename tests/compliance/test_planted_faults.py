"""Every status is earned: each check passes in a good world, fails on a planted fault, and is
UNKNOWN when its source is gone."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from assay.compliance.checks import (
    audit_log_intact,
    file_access_limited,
    lawful_basis_held,
    retention_enforced,
    stored_bytes_encrypted,
)
from assay.compliance.interface import Check, Reader
from assay.compliance.readers import file_access, lawful_basis, own_log, retention, stored_bytes
from assay.vocabulary import Basis, Status
from tests.compliance.scenes import HEALTH, PEOPLE, begin_log, found, good_world, parquet, put

Pair = tuple[Check, Reader]

ENC = (stored_bytes_encrypted.MEMBER, stored_bytes.MEMBER)
ACCESS = (file_access_limited.MEMBER, file_access.MEMBER)
LOG = (audit_log_intact.MEMBER, own_log.MEMBER)
RETENTION = (retention_enforced.MEMBER, retention.MEMBER)
BASIS = (lawful_basis_held.MEMBER, lawful_basis.MEMBER)


def toml_without(line: str) -> Callable[[Path], None]:
    """Takes a line out of assay.toml."""

    def change(folder: Path) -> None:
        toml = folder / "assay.toml"
        text = toml.read_text()
        assert line in text
        toml.write_text(text.replace(line, ""))

    return change


def toml_with(old: str, new: str) -> Callable[[Path], None]:
    """Replaces something in assay.toml."""

    def change(folder: Path) -> None:
        toml = folder / "assay.toml"
        text = toml.read_text()
        assert old in text
        toml.write_text(text.replace(old, new))

    return change


def sql(statement: str) -> Callable[[Path], None]:
    """Changes the log's database."""

    def change(folder: Path) -> None:
        db = apsw.Connection(str(folder / ".assay" / "log.sqlite"))
        db.execute(statement)
        db.close()

    return change


def writes(name: str, data: bytes, mode: int = 0o640) -> Callable[[Path], None]:
    """Replaces a file."""
    return lambda folder: put(folder / name, data, mode)


def removes(name: str) -> Callable[[Path], None]:
    """Removes a file."""
    return lambda folder: (folder / name).unlink()


def mode(name: str, bits: int) -> Callable[[Path], None]:
    """Changes a mode."""
    return lambda folder: (folder / name).chmod(bits)


def grants_acl(folder: Path) -> None:
    """Lets user 12345 read the data, by a POSIX ACL that the mode bits hide in the group's."""
    entries = [(1, 6, -1), (2, 4, 12345), (4, 0, -1), (16, 4, -1), (32, 0, -1)]
    set_acl(folder / "people.parquet", entries)


def set_acl(path: Path, entries: list[tuple[int, int, int]]) -> None:
    """Gives a path a POSIX ACL: tag, permissions and number of each entry."""
    raw = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, bits, number & 0xFFFFFFFF) for tag, bits, number in entries
    )
    try:
        os.setxattr(path, "system.posix_acl_access", raw)
    except OSError:
        pytest.skip("this file system keeps no ACLs")


@pytest.mark.parametrize("pair", [ENC, ACCESS, LOG, RETENTION, BASIS], ids=lambda pair: pair[0].id)
def test_every_check_passes_in_a_good_world(pair: Pair, tmp_path: Path) -> None:
    finding = found(*pair, good_world(tmp_path))
    assert finding.status is Status.PASS, finding.statement
    assert finding.basis is Basis.MEASURED
    assert finding.evidence
    assert finding.remediation == ""


CONSENTS_HEAD = b"subject,purpose,granted_at,withdrawn_at\n"
OTHERS = b"p1,research,2024-01-01,\np3,research,2024-01-01,\n"


def consents(*rows: bytes) -> Callable[[Path], None]:
    """A consent table in which p1 and p3 agree and p2 has these rows."""
    return writes("consents.csv", CONSENTS_HEAD + OTHERS + b"".join(row + b"\n" for row in rows))


def table(**columns: list[Any]) -> Callable[[Path], None]:
    """Replaces the data, in clear; for checks that only read rows."""

    def change(folder: Path) -> None:
        toml_without('key_file = "people.key"\n')(folder)
        put(folder / "people.parquet", parquet({**PEOPLE, **columns}), 0o640)

    return change


def grants_parent_acl(folder: Path) -> None:
    """Lets user 12345 replace files in the project's folder."""
    set_acl(folder, [(1, 7, -1), (2, 7, 12345), (4, 0, -1), (16, 7, -1), (32, 0, -1)])


def opens_network_code(folder: Path) -> None:
    """A model whose network is built by a file that every account may rewrite."""
    put(folder / "net.safetensors", b"weights", 0o640)
    put(folder / "networks.py", b"def network(): ...\n", 0o666)
    with (folder / "assay.toml").open("a") as stream:
        stream.write('[models.net]\nsource = "net.safetensors"\nfactory = "networks:network"\n')


def opens_package_code(folder: Path) -> None:
    """The same, deep in a package: importing the factory runs all of it."""
    opens_network_code(folder)
    (folder / "networks.py").unlink()
    (folder / "networks" / "parts").mkdir(parents=True, mode=0o750)
    for name, bits in (("__init__.py", 0o640), ("parts/blocks.py", 0o666)):
        put(folder / "networks" / name, b"", bits)


def opens_a_picture_of_the_test_data(folder: Path) -> None:
    """Test data are a folder, and one file deep in it may be replaced by every account."""
    (folder / "pictures" / "cat").mkdir(parents=True, mode=0o750)
    put(folder / "pictures" / "cat" / "1.png", b"", 0o666)
    put(folder / "net.safetensors", b"weights", 0o640)
    with (folder / "assay.toml").open("a") as stream:
        stream.write('[models.net]\nsource = "net.safetensors"\ntest_data = "pictures"\n')


FAULTS = [
    (
        "a factory that all may write",
        ACCESS,
        opens_network_code,
        r"networks\.py can be written by every account \(mode 0666\)",
    ),
    (
        "a module of the factory's package",
        ACCESS,
        opens_package_code,
        r"networks/parts/blocks\.py can be written by every account",
    ),
    (
        "a picture of the test data",
        ACCESS,
        opens_a_picture_of_the_test_data,
        r"pictures/cat/1\.png can be written by every account",
    ),
    (
        "an ACL on a folder above",
        ACCESS,
        grants_parent_acl,
        "user 12345 can replace files, by an ACL",
    ),
    (
        "two rows, one withdrawn",
        BASIS,
        consents(b"p2,research,2024-01-01,", b"p2,research,2024-01-01,2025-01-01"),
        "1 withdrew",
    ),
    (
        "an older grant left open",
        BASIS,
        consents(b"p2,research,2019-01-01,", b"p2,research,2020-01-01,2021-01-01"),
        "1 withdrew",
    ),
    ("a row of nobody", BASIS, table(subject=["p1", None, "p3"]), "rows that name nobody: 1"),
    ("plaintext parquet", ENC, writes("people.parquet", parquet(PEOPLE)), "are plaintext: Parquet"),
    (
        "plaintext csv",
        ENC,
        writes("people.parquet", b"subject,diagnosis\np1,x\n"),
        "plaintext: text",
    ),
    ("a world-readable file", ACCESS, mode("people.parquet", 0o644), "mode 0644; at most 0640"),
    ("a group-readable key", ACCESS, mode("people.key", 0o640), "key file with mode 0640"),
    ("a world-writable setting", ACCESS, mode("assay.toml", 0o646), "written by every account"),
    ("a world-writable parent", ACCESS, mode(".", 0o777), "every account can replace files"),
    ("an unknown owner", ACCESS, lambda f: os.chown(f / "people.parquet", 12345, -1), "user 12345"),
    ("an ACL", ACCESS, grants_acl, "user 12345 can read it"),
    (
        "a changed entry",
        LOG,
        sql("UPDATE entry SET bytes = CAST(bytes || x'20' AS BLOB)"),
        "entry 0",
    ),
    ("a lost checkpoint", LOG, sql("DELETE FROM checkpoint"), "though it was published"),
    ("old rows", RETENTION, toml_with("P3Y", "P1Y"), "2 of 3 rows are past P1Y"),
    ("no purpose", BASIS, toml_with('["research"]', "[]"), "without any purpose"),
    ("no basis", BASIS, toml_with('"consent"', '"because"'), "no lawful basis"),
    (
        "no condition",
        BASIS,
        toml_without('special_category_condition = "explicit consent"'),
        "Art. 9",
    ),
    (
        "a withdrawal",
        BASIS,
        writes(
            "consents.csv",
            b"subject,purpose,granted_at,withdrawn_at\np1,research,2024-01-01,\n"
            b"p2,research,2024-01-01,2025-01-01\np3,research,2024-01-01,\n",
        ),
        "1 of 3 people have no live consent \\(1 withdrew",
    ),
    (
        "a consent for something else",
        BASIS,
        writes("consents.csv", b"subject,purpose,granted_at,withdrawn_at\np1,news,2024-01-01,\n"),
        "3 of 3 people have no live consent",
    ),
    (
        "a consent of tomorrow",
        BASIS,
        writes(
            "consents.csv",
            b"subject,purpose,granted_at,withdrawn_at\np1,research,2027-01-01,\n"
            b"p2,research,2024-01-01,\np3,research,2024-01-01,\n",
        ),
        "1 of 3 people have no live consent",
    ),
]


@pytest.mark.parametrize(
    ("pair", "plant", "words"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
def test_a_planted_fault_fails(
    pair: Pair, plant: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    toml = good_world(tmp_path)
    plant(tmp_path)
    finding = found(*pair, toml)
    assert finding.status is Status.FAIL, finding.statement
    places = " ".join(f"{place.place} {place.detail}" for place in finding.locations)
    assert re.search(words, f"{finding.statement} {places}")
    assert finding.remediation


GONE = [
    (
        "a withdrawal that cannot be read",
        BASIS,
        consents(b"p2,research,2024-01-01,", b"p2,research,2024-01-01,yes"),
        "1 consents have no instant",
    ),
    (
        "a start that is yet to come",
        RETENTION,
        table(seen=["2999-01-01", "2026-01-01", "2026-01-01"]),
        "1 of 3 rows have no date",
    ),
    (
        "starts that are numbers",
        RETENTION,
        table(seen=[2712111200000] * 3),
        "3 of 3 rows have no date",
    ),
    ("the file", ENC, removes("people.parquet"), "cannot be read"),
    ("the key", ENC, removes("people.key"), "key file"),
    ("no key named", ENC, toml_without('key_file = "people.key"'), "no key is declared"),
    ("another key", ENC, writes("people.key", b"k" * 32, 0o600), "measured"),
    (
        "unknown bytes",
        ENC,
        writes("people.parquet", bytes(range(128, 256)) * 40),
        "no form that is known",
    ),
    ("the policy", ACCESS, toml_without("[access]"), "no access policy"),
    (
        "an unknown account",
        ACCESS,
        toml_with("[access]", '[access]\nowners=["nobody-at-all"]'),
        "account",
    ),
    ("a file named in assay.toml", ACCESS, removes("people.parquet"), "cannot be examined"),
    ("the log", LOG, removes(".assay/log.sqlite"), "There is no log"),
    (
        "the rule",
        RETENTION,
        toml_without('[datasets.people.retention]\nstart_column = "seen"\nmaximum = "P3Y"'),
        "no retention rule",
    ),
    ("the column", RETENTION, toml_with('"seen"', '"visited"'), "no column 'visited'"),
    ("the rows", RETENTION, removes("people.parquet"), "people.parquet"),
    (
        "a date",
        RETENTION,
        writes("people.parquet", parquet({**PEOPLE, "seen": ["", "2026-01-01", "?"]})),
        "2 of 3 rows have no date",
    ),
    (
        "a declared hold",
        RETENTION,
        toml_with('maximum = "P3Y"', 'maximum = "P1Y"\n[datasets.people.hold]\nground = "claim"'),
        "a hold is declared, not attested",
    ),
    ("the consents", BASIS, removes("consents.csv"), "consents.csv"),
    (
        "a column of the consents",
        BASIS,
        writes("consents.csv", b"subject,purpose\np1,research\n"),
        "no column",
    ),
    (
        "a declared basis",
        BASIS,
        toml_with('basis = "consent"', 'basis = "contract"'),
        "6.1.b is declared",
    ),
    (
        "consent without a table",
        BASIS,
        toml_without('consent = { source = "consents.csv" }'),
        "6.1.a is declared",
    ),
    (
        "the subject column",
        BASIS,
        toml_without('subject_column = "subject"\n'),
        "no subject_column",
    ),
]


@pytest.mark.parametrize(
    ("pair", "take", "words"), [case[1:] for case in GONE], ids=[case[0] for case in GONE]
)
def test_without_its_source_a_check_is_unknown(
    pair: Pair, take: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    toml = good_world(tmp_path)
    take(tmp_path)
    if (tmp_path / "people.parquet").exists() and pair is RETENTION and words.startswith("2 of"):
        toml_without('key_file = "people.key"\n')(tmp_path)
    finding = found(*pair, toml)
    assert finding.status is Status.UNKNOWN, finding.statement
    assert words in f"{finding.statement} {finding.remediation}"
    assert finding.remediation


def test_without_a_classification_consent_is_no_pass(tmp_path: Path) -> None:
    finding = found(*BASIS, good_world(tmp_path), labels=None)
    assert finding.status is Status.UNKNOWN
    assert "Nobody looked" in finding.statement


def test_data_without_anything_personal_need_no_basis(tmp_path: Path) -> None:
    nothing = {
        "level": "internal",
        "columns": {"a": {"category": "none", "entity": None, "level": "internal"}},
    }
    finding = found(*BASIS, good_world(tmp_path), labels=nothing)
    assert finding.status is Status.NOT_APPLICABLE


BEGUN = ("assessment", "begin")


def test_a_log_that_this_assessment_has_begun_is_no_pass(tmp_path: Path) -> None:
    toml = good_world(tmp_path)
    begin_log(tmp_path, BEGUN)
    finding = found(*LOG, toml)

    assert finding.status is Status.UNKNOWN
    assert "begun by this assessment" in finding.statement
    assert "next assessment" in finding.remediation


@pytest.mark.parametrize(
    "entries",
    [
        [("model_access", "train"), BEGUN],
        [BEGUN, BEGUN],
        [("assessment", "assess"), ("note", "write"), BEGUN],
    ],
    ids=["an event", "a beginning of before", "an assessment and a note"],
)
def test_what_was_in_the_log_before_is_verified(
    entries: list[tuple[str, str]], tmp_path: Path
) -> None:
    toml = good_world(tmp_path)
    begin_log(tmp_path, *entries)
    finding = found(*LOG, toml)

    assert finding.status is Status.PASS, finding.statement
    assert f"entries {len(entries)}," in finding.statement


def test_a_log_that_was_begun_and_changed_since_fails(tmp_path: Path) -> None:
    toml = good_world(tmp_path)
    begin_log(tmp_path, BEGUN)
    sql("UPDATE entry SET bytes = CAST(bytes || x'20' AS BLOB)")(tmp_path)
    assert found(*LOG, toml).status is Status.FAIL


def test_public_data_need_no_encryption(tmp_path: Path) -> None:
    finding = found(*ENC, good_world(tmp_path), labels={**HEALTH, "level": "public"})
    assert finding.status is Status.NOT_APPLICABLE


def test_a_run_as_root_is_said(tmp_path: Path) -> None:
    finding = found(*ACCESS, good_world(tmp_path))
    assert ("run as root" in finding.statement) == (os.geteuid() == 0)


def test_open_data_of_unknown_level_are_unknown(tmp_path: Path) -> None:
    toml = good_world(tmp_path)
    finding = found(*ACCESS, toml, labels=None)
    assert finding.status is Status.UNKNOWN
    assert "nobody knows its level" in finding.statement
    (tmp_path / "people.parquet").chmod(0o600)
    assert found(*ACCESS, toml, labels=None).status is Status.PASS


def test_a_link_is_named_with_where_it_points(tmp_path: Path) -> None:
    toml = good_world(tmp_path)
    (tmp_path / ".assay" / "link").symlink_to("/etc/hostname")
    finding = found(*ACCESS, toml)
    assert finding.status is Status.FAIL
    assert "/etc/hostname" in finding.locations[0].detail


def test_no_value_of_the_data_is_in_any_finding(tmp_path: Path) -> None:
    toml = good_world(tmp_path)
    put(tmp_path / "people.parquet", parquet(PEOPLE), 0o644)
    for pair in (ENC, ACCESS, RETENTION, BASIS):
        shown = str(found(*pair, toml))
        assert "hypertension" not in shown
        assert "p2" not in shown.replace("people", "")
