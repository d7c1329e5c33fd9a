"""What several of the log's commands are given: keys, policies, instants, small files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.audit_log.trust import Trust

FILE = click.Path(path_type=Path)
_BYTES_MAX = 1_000_000

key_option = click.option(
    "--key", "key_file", type=FILE, help="The log's verifier keys, kept elsewhere; one a line."
)
trust_option = click.option(
    "--trust", "trust_file", type=FILE, help="A policy: keys of the log, witnesses, quorum."
)


def given_trust(key_file: Path | None, trust_file: Path | None) -> Trust | None:
    """The policy in a file, or else the keys in one; None where neither was given.

    Raises:
        BadInput, BadNote, BadTrust: a file cannot be read, or does not hold that.
    """
    from assay.audit_log.trust import Trust, parse_trust
    from assay.bootstrap import parse_verifier_keys

    if trust_file is not None:
        return parse_trust(small_text(trust_file))
    return None if key_file is None else Trust(parse_verifier_keys(small_text(key_file)))


def small_text(path: Path) -> str:
    """The text of a small file; what is not UTF-8 is refused by whoever reads it."""
    return small_file(path).decode("utf-8", "surrogateescape")


def small_file(path: Path) -> bytes:
    """The bytes of a file of at most a megabyte.

    Raises:
        BadInput: it cannot be read, or is longer.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read ({error.strerror}).", next_step="Check the path."
        ) from error
    if len(data) > _BYTES_MAX:
        raise BadInput(f"{path} is longer than a megabyte.", next_step="Is it the right file?")
    return data


def instant_of(text: str | None) -> datetime | None:
    """The instant that somebody wrote; in UTC where it names no zone.

    Raises:
        BadInput: it is none.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not an instant.", next_step="Write it like 2026-11-22T10:00:00Z."
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
