"""The page on archives says what is written: a reader written from it alone reads what assay writes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from assay.audit_log.lifecycle.archive import archive
from assay.audit_log.lifecycle.known_tree import covering
from assay.audit_log.lifecycle.verify_archive import verify_archive
from assay.audit_log.lifecycle.volume_files import read_manifest, volumes_in
from assay.audit_log.notes import open_note
from tests.audit_log.in_memory import VERIFIER as VECTOR_KEY
from tests.audit_log.in_memory import log_of
from tests.audit_log.lifecycle.foreign_volume import read_volume
from tests.audit_log.lifecycle.logs import access_to, fill
from tests.audit_log.lifecycle.vectors import END, FOLDER, KEY_ALONE, SIZE, make
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "formats" / "log-archive.md").read_text("utf-8")


def test_the_vector_verifies_with_both_readers() -> None:
    (seen,) = verify_archive(FOLDER, KEY_ALONE)
    assert seen.seen.faults == ()
    assert (seen.first, seen.end, seen.seen.cited) == (0, END, 2)
    (volume,) = volumes_in(FOLDER)
    note, root, entries = read_volume(volume)
    open_note(note, VECTOR_KEY)
    assert root == seen.seen.root
    assert entries == log_of(SIZE).list[:END]


def test_the_vector_is_what_assay_makes(tmp_path: Path) -> None:
    make(tmp_path / "archive")
    (made,), (kept,) = volumes_in(tmp_path / "archive"), volumes_in(FOLDER)
    assert read_manifest(made) == read_manifest(kept)
    assert read_volume(made) == read_volume(kept)


def test_the_page_shows_what_is_known_in_the_vector() -> None:
    (volume,) = volumes_in(FOLDER)
    shown = re.findall(r"^first leaf +(\d+) +height (\d+)$", PAGE, flags=re.M)
    places = [(int(first), int(height)) for first, height in shown]
    assert places == list(read_manifest(volume).known) == list(covering(END, SIZE))


def test_the_foreign_reader_reads_a_later_volume_and_sees_damage(tmp_path: Path) -> None:
    log, cold = tmp_path / "log", tmp_path / "cold"
    fill(log, 1_100)
    for keep in (800, 50):
        archive(access_to(log), cold, keep=keep)
    first, second = volumes_in(cold)
    assert len(read_volume(first)[2]) == 256
    entries = read_volume(second)[2]
    assert len(entries) == 768
    assert b"number256" in entries[0]
    path = second / "tile" / "entries" / "002.gz"
    shutil.copy(first / "tile" / "entries" / "000.gz", path)
    with pytest.raises(ValueError, match="bundle 2"):
        read_volume(second)
