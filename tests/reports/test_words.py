"""Numbers and names as reports write them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.intervals import wilson
from assay.reports import _words as words
from assay.vocabulary import Assessment, Proportion


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.0, "0.0 %"),
        (0.0004, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.28125, "28.1 %"),
        (0.9994, "99.9 %"),
        (0.99999, ">99.9 %"),
        (1.0, "100.0 %"),
    ],
)
def test_percent(share: float, written: str) -> None:
    assert words.percent(share) == written


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_only_certainty_reads_as_certainty(share: float) -> None:
    assert words.percent(share) not in ("0.0 %", "100.0 %")


def test_share_of_nothing_is_unmeasured() -> None:
    assert words.share(None) == "UNMEASURED"
    assert words.share(wilson(0, 0)) == "UNMEASURED"
    assert words.share(Proportion(3, 4, 0.3, 0.95)) == "75.0 %"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain, naïve, 漢字, 🙂", "plain, naïve, 漢字, 🙂"),
        ("clear\x1b[2J", "clear\\x1b[2J"),
        ("turn\u202eround", "turn\\u202eround"),
        ("nul\x00", "nul\\x00"),
        ("lone\ud800", "lone\\ud800"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_visible(raw: str, shown: str) -> None:
    assert words.visible(raw) == shown


@given(st.text(st.characters()))
def test_one_line_is_one_line_of_utf8(text: str) -> None:
    line = words.one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.encode().decode() == line


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 rows"), (1, "1 row"), (12000, "12,000 rows")]
)
def test_plural(count: int, written: str) -> None:
    assert words.plural(count, "row") == written


def test_short_digest_keeps_twelve_digits() -> None:
    assert words.short_digest("sha256:" + "0123456789abcdef" * 4) == "sha256:0123456789ab…"
    assert words.short_digest("sha256:0123") == "sha256:0123"


def test_cosigners_are_named_beside_the_log(full: Assessment) -> None:
    note = f"{full.checkpoint.note}— witness.example/b AAAA\n— witness.example/a AAAA\n"
    cosigned = replace(full.checkpoint, note=note)
    assert words.cosigners(full.checkpoint).startswith("nobody outside")
    assert words.cosigners(cosigned) == "witness.example/a, witness.example/b"
