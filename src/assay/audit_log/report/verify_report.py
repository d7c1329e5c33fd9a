"""Verifies a report of the log: makes it again from the entries, and compares every number.

The rules, in the order in which they are applied:

1. The file is a report: JSON of schema 1, or an HTML page that holds it.
2. The keys it names are the keys that the verifier brings. Its checkpoint is signed by all of them.
3. If it claims a witnessed checkpoint, enough of the verifier's witnesses have cosigned that one; a
   claim that the verifier knows no witness for cannot be checked, and that is a difference too.
4. The log's first entries have the roots that both checkpoints promise. Where they have not, the
   entry that was changed is named, if its kept hash still tells.
5. The report made again from these entries, with the question that the file states, has the same
   numbers. What differs is named by its place.
6. Where all numbers are right, a page is byte for byte the page that they make, so that no number in
   it says other than the JSON beneath it.

The first difference comes first. Where 2 to 4 fail, the numbers are not compared: there is nothing that
they could be compared with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice, zip_longest
from typing import Any

from assay.audit_log.report.make import Anchor, ReportedLog, make_report
from assay.audit_log.report.numbers import KIND, SCHEMA
from assay.audit_log.report.question import Question, parse_hours
from assay.audit_log.report.render import embedded, html, json_bytes
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.canonical import canonical_bytes, digest, parse_instant
from assay.errors import BadInput, BadNote, LogDamaged, NotTrusted
from assay.vocabulary import Checkpoint

DIFFERENCES_MAX = 100
_FILE_BYTES_MAX = 1 << 30
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a report and the log disagree: `totals.events` is reported 12, and is 13."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class ReportVerification:
    """What verifying a report found; the first difference comes first, at most a hundred."""

    size: int
    root: str
    report: str
    """The digest of the report's JSON bytes."""
    differences: tuple[Difference, ...]

    @property
    def clean(self) -> bool:
        """Whether everything in the report is what the log says."""
        return not self.differences


def read_report(data: bytes) -> dict[str, Any]:
    """The JSON of a report, from either of its forms.

    Raises:
        BadInput: it is not a report of schema 1, or too long to be one.
    """
    if len(data) > _FILE_BYTES_MAX:
        raise BadInput("The file is longer than a gibibyte: that is no report.")
    try:
        text = data.decode("utf-8")
        found = json.loads(text if text.lstrip().startswith("{") else embedded(text))
        canonical_bytes(found)  # refuses infinity and whole numbers that lose digits elsewhere
    except (ValueError, RecursionError) as error:
        raise BadInput("The file is not a report of the log.", next_step=_WRITE_ONE) from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BadInput("The file is not a report of the log.", next_step=_WRITE_ONE)
    if found.get("schema") != SCHEMA:
        raise BadInput(
            f"The report has schema {str(found.get('schema'))[:20]}, not {SCHEMA}.",
            next_step="Verify it with the version of assay that wrote it.",
        )
    return found


def report_digest(report: Mapping[str, Any]) -> str:
    """The digest that names a report, whichever form it has: that of its JSON file."""
    return digest(json_bytes(report))


def verify_report(
    data: bytes,
    log: ReportedLog,
    trust: Trust,
    progress: Callable[[int], None] = lambda _: None,
) -> ReportVerification:
    """Everything in a report that the log does not say.

    Raises:
        BadInput: the file is not a report.
        LogError: the log cannot be read.
    """
    report = read_report(data)
    differences: list[Difference] = []
    try:
        anchor, question = _anchor(report, trust), _question(report)
        again = make_report(log, anchor, question, progress)
        differences += islice(_differences(report, again, ""), DIFFERENCES_MAX)
        # A page whose numbers are not a report's cannot be made, and need not be.
        differences += () if differences else _page(data, report)
    except (BadNote, NotTrusted) as error:
        differences.append(Difference("log.checkpoint", error.message))
    except LogDamaged as error:
        differences.append(Difference("the log itself", error.message))
    except _NotComparable as error:
        differences.append(error.difference)
    said = report.get("log")
    said = said if isinstance(said, dict) else {}
    size = said.get("size")
    return ReportVerification(
        size if type(size) is int else 0,
        str(said.get("root"))[:_SHOWN_CHARACTERS],
        report_digest(report),
        tuple(differences[:DIFFERENCES_MAX]),
    )


class _NotComparable(Exception):
    """Carries the difference that makes all others meaningless."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(what)
        self.difference = Difference(place, what)


def _anchor(report: Mapping[str, Any], trust: Trust) -> Anchor:
    """Rules 2 and 3."""
    said = report.get("log")
    if not isinstance(said, dict) or not isinstance(said.get("checkpoint"), str):
        raise _NotComparable("log", "is missing, or has no checkpoint")
    keys = sorted(str(key) for key in trust.log_keys)
    if said.get("verifier_keys") != keys:
        raise _NotComparable(
            "log.verifier_keys", "are not the keys, all of them, that the log is verified with"
        )
    alone = replace(trust, needed=0)
    checkpoint = trusted_checkpoint(said["checkpoint"], alone).checkpoint
    needed = said.get("witnesses_needed")
    if trust.needed and needed != trust.needed:
        raise _NotComparable("log.witnesses_needed", f"is not {trust.needed}, as the policy says")
    return Anchor(
        trust.log_keys,
        needed if type(needed) is int else 0,
        checkpoint,
        _witnessed(said.get("witnessed"), trust, checkpoint.size),
    )


def _witnessed(said: Any, trust: Trust, size: int) -> Checkpoint | None:
    if said is None:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("checkpoint"), str):
        raise _NotComparable("log.witnessed", "has no checkpoint")
    if not trust.needed:
        raise _NotComparable(
            "log.witnessed", "cannot be checked: the verifier's policy names no witnesses"
        )
    try:
        checkpoint = trusted_checkpoint(said["checkpoint"], trust).checkpoint
    except (BadNote, NotTrusted) as error:
        raise _NotComparable("log.witnessed", error.message) from error
    if checkpoint.size > size:
        raise _NotComparable("log.witnessed", "is larger than the checkpoint of the report")
    return checkpoint


def _question(report: Mapping[str, Any]) -> Question:
    asked = report.get("query")
    try:
        if not isinstance(asked, dict):
            raise TypeError(asked)
        beat = asked["heartbeat_seconds"]
        return Question(
            since=_instant(asked["since"]),
            until=_instant(asked["until"]),
            zone=str(asked["zone"]),
            hours=parse_hours(str(asked["working_hours"])),
            false_alarms_per_year=float(asked["false_alarms_per_year"]),
            clock_slack_seconds=int(asked["clock_slack_seconds"]),
            heartbeat_seconds=None if beat is None else int(beat),
        )
    except BadInput as error:
        raise _NotComparable("query", error.message) from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _NotComparable("query", f"cannot be asked ({type(error).__name__})") from error


def _instant(text: Any) -> datetime:
    return parse_instant(str(text))


def _differences(reported: Any, recomputed: Any, place: str) -> Iterator[Difference]:
    """What differs, in the order of the report; the version that made it is not a number."""
    if place == "made_by":
        return
    if isinstance(reported, dict) and isinstance(recomputed, dict):
        for key in (*recomputed, *(key for key in reported if key not in recomputed)):
            inner = f"{place}.{key}" if place else str(key)
            yield from _differences(reported.get(key, _GONE), recomputed.get(key, _GONE), inner)
    elif isinstance(reported, list) and _is_list(recomputed):
        pairs = zip_longest(reported, recomputed, fillvalue=_GONE)
        for n, (one, other) in enumerate(pairs):
            yield from _differences(one, other, f"{place}[{n}]")
    elif type(reported) is bool or type(recomputed) is bool:
        if reported is not recomputed:
            yield Difference(place, f"is reported {_shown(reported)}, and is {_shown(recomputed)}")
    elif reported != recomputed:
        yield Difference(place, f"is reported {_shown(reported)}, and is {_shown(recomputed)}")


def _page(data: bytes, report: dict[str, Any]) -> Iterator[Difference]:
    """Rule 6."""
    if data.lstrip().startswith(b"{"):
        return
    again = html(report).split(b"\n")
    for number, (reported, expected) in enumerate(zip_longest(data.split(b"\n"), again), 1):
        if reported != expected:
            yield Difference(
                f"line {number} of the page",
                "is not what these numbers make"
                f" (by this version of assay; the report says it was made by"
                f" {_shown(report.get('made_by'))})",
            )
            return


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


class _Gone:
    def __repr__(self) -> str:
        return "not there"


_GONE = _Gone()
_WRITE_ONE = "`assay log report` writes one."


def _shown(value: Any) -> str:
    text = repr(value) if value is _GONE else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
