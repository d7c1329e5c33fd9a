"""How reports write numbers, instants, statuses and names of unknown origin.

Names of organisations, columns and models come from outside. A terminal obeys control characters
and a page obeys marks that turn text around, so both are written as visible escapes.

A share is never rounded up to certainty: 0.9999 reads `>99.9 %`, and 0.0001 reads `<0.1 %`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from assay.vocabulary import Checkpoint, Finding, Proportion, Severity, Status

UNMEASURED = "UNMEASURED"

STATUSES = (
    Status.FAIL,
    Status.UNKNOWN,
    Status.NOT_ASSESSED,
    Status.WAIVED,
    Status.PASS,
    Status.NOT_APPLICABLE,
)
"""Worst first: the order in which reports show them."""

_SYMBOLS = {
    Status.FAIL: "✕",
    Status.UNKNOWN: "?",
    Status.NOT_ASSESSED: "–",
    Status.WAIVED: "~",
    Status.PASS: "✓",
    Status.NOT_APPLICABLE: "○",
}

# Control characters but tab and line feed, marks that change the direction of text, invisible
# separators, surrogates, tags. Joiners (U+200C, U+200D) stay: Persian and Hindi need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with characters that act instead of show written as `\\x1b` or `\\u202e`."""
    return _INVISIBLE.sub(lambda match: _escape(match[0]), text)


def one_line(text: str) -> str:
    """The text for one line of a terminal or log: as `visible`, and white space becomes a space."""
    return visible(" ".join(text.split()))


def symbol(status: Status) -> str:
    """A sign for the status, so that colour alone never tells it."""
    return _SYMBOLS[status]


def label(status: Status) -> str:
    """The status in capitals: `NOT APPLICABLE`."""
    return status.value.upper().replace("_", " ")


def phrase(identifier: str) -> str:
    """An identifier of ours as words: `data_retention` is `data retention`."""
    return identifier.replace("_", " ")


def answer(applies: str) -> str:
    """Whether a framework applies, as one says it."""
    return "to be asked" if applies == "ask" else phrase(applies)


def percent(share: float) -> str:
    """A share in 0..1 with one decimal: `61.3 %`."""
    if 0.0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1.0:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def share(proportion: Proportion | None) -> str:
    """The point value, or `UNMEASURED` where there is none or nothing was tried."""
    if proportion is None or proportion.trials == 0:
        return UNMEASURED
    return percent(proportion.share)


def interval(proportion: Proportion) -> str:
    """The 95 % interval: `50.1 % to 71.9 %`."""
    return f"{percent(proportion.low)} to {percent(proportion.high)}"


def counted(proportion: Proportion) -> str:
    """`39 of 64`."""
    return f"{whole(proportion.successes)} of {whole(proportion.trials)}"


def number(value: float) -> str:
    """Six significant digits at most, without trailing zeros."""
    return f"{value:.6g}"


def whole(count: int) -> str:
    """A count with its thousands apart: `12,000`."""
    return f"{count:,}"


def moment(at: datetime) -> str:
    """An instant for people: `2026-11-22 10:00:00 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short_digest(digest: str) -> str:
    """The first twelve hexadecimal digits, enough to find the line."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}:{digits[:12]}…" if len(digits) > 12 else digest


def plural(count: int, one: str, many: str = "") -> str:
    """`1 finding`, `2,000 findings`."""
    return f"{whole(count)} {one if count == 1 else many or one + 's'}"


def by_status(findings: Iterable[Finding]) -> dict[Status, int]:
    """How many findings have each status, every status named, worst first."""
    listed = list(findings)
    return {status: sum(f.status is status for f in listed) for status in STATUSES}


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by status, then severity, then check and target."""
    return sorted(
        findings,
        key=lambda f: (STATUSES.index(f.status), -f.severity, f.check, _target_key(f), f.statement),
    )


def severities() -> tuple[Severity, ...]:
    """Every severity, worst first."""
    return tuple(sorted(Severity, reverse=True))


def _target_key(finding: Finding) -> tuple[str, str, str]:
    target = finding.target
    return (target.kind.value, target.name, target.digest or "")


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cosigners(checkpoint: Checkpoint) -> str:
    """Whose signatures the checkpoint's note carries beside the log's own; not verified here."""
    _, _, signatures = checkpoint.note.rpartition("\n\n")
    names = {line.split(" ")[1] for line in signatures.splitlines() if line.count(" ") == 2}
    others = sorted(names - {checkpoint.origin})
    return ", ".join(others) if others else "nobody outside: no witness has signed it"
