"""Whom a verifier believes: the log's keys, its witnesses, and how many of them must have cosigned.

As text, one statement a line; empty lines and lines that begin with `#` say nothing:

    log example.com/log+33d7b496+AeHTu4Q3...
    log example.com/log+b5df45c5+BuhtcL97...
    witness witness.example.com/w1+1d94b0b3+BOvN63...
    quorum 1

The first kind names the log's Ed25519 key (type 0x01) and, if it has one, its ML-DSA-44 key (0x06);
every key that is named must have signed. A witness is one who cosigns under one name, with an
Ed25519 key (0x04), an ML-DSA-44 key (0x06) or both: it counts once. A cosignature counts only if its
time can be: from 2020 on, and not later than the verifier's clock where the verifier has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.notes import (
    KeyType,
    Signature,
    VerifierKey,
    parse_verifier_key,
    signatures_of,
)
from assay.errors import BadNote, BadTrust, NotTrusted
from assay.vocabulary import Checkpoint

EARLIEST_SECONDS = 1_577_836_800
"""2020-01-01: no checkpoint was cosigned before."""
LATEST_SECONDS = 4_102_444_800
"""2100-01-01, the limit of a verifier without a clock."""
CLOCK_SKEW_SECONDS_MAX = 300
_TEXT_CHARACTERS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Trust:
    """A verifier's policy. `needed` is how many of the witnesses must have cosigned.

    Raises:
        BadTrust: no Ed25519 key of the log, keys of two logs, a key twice or of a type that does not
            fit, a witness named like the log, or more witnesses needed than there are.
    """

    log_keys: tuple[VerifierKey, ...]
    witnesses: tuple[VerifierKey, ...] = ()
    needed: int = 0

    def __post_init__(self) -> None:
        _check_log_keys(self.log_keys)
        _check_witnesses(self.witnesses, self.origin)
        names = len({key.name for key in self.witnesses})
        if not 0 <= self.needed <= names:
            raise BadTrust(
                f"A quorum of {self.needed} is asked for, but {names} witnesses are named.",
                next_step="Name more witnesses, or ask for fewer.",
            )

    @property
    def origin(self) -> str:
        """The log that is trusted."""
        return self.log_keys[0].name

    def __str__(self) -> str:
        lines = [f"log {key}" for key in self.log_keys]
        lines += [f"witness {key}" for key in self.witnesses]
        return "\n".join([*lines, f"quorum {self.needed}", ""])


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness that cosigned, and its newest time in seconds since 1970."""

    witness: str
    at: int


@dataclass(frozen=True, slots=True)
class Trusted:
    """A checkpoint that a policy accepts, and the witnesses that counted, by name."""

    checkpoint: Checkpoint
    witnesses: tuple[Cosigned, ...] = ()

    @property
    def oldest_at(self) -> int | None:
        """The oldest of the witnesses' times, in seconds since 1970."""
        return min((cosigned.at for cosigned in self.witnesses), default=None)

    @property
    def newest_at(self) -> int | None:
        """The newest of the witnesses' times, in seconds since 1970."""
        return max((cosigned.at for cosigned in self.witnesses), default=None)


def trusted_checkpoint(note: str, trust: Trust, *, now: int | None = None) -> Trusted:
    """The checkpoint in a note that the policy accepts.

    `now` is the verifier's clock in seconds since 1970; None where it has none.

    Raises:
        NotTrusted: a key of the log that the policy names did not sign, or too few witnesses did.
        BadNote: malformed, not a checkpoint of this log, or a known signature does not hold.
    """
    signatures = signatures_of(note, *trust.log_keys, *trust.witnesses)
    signed = {signature.key for signature in signatures}
    for key in trust.log_keys:
        if key not in signed:
            raise NotTrusted(
                f"The log's {_TYPE_NAMES[key.type]} key did not sign the checkpoint.",
                next_step="Ask the log's operator for a checkpoint with all its signatures.",
            )
    checkpoint = open_checkpoint(note, *trust.log_keys)
    witnesses = _counted(signatures, trust, LATEST_SECONDS if now is None else now)
    if len(witnesses) < trust.needed:
        raise NotTrusted(
            f"{len(witnesses)} of the {trust.needed} witnesses that are needed cosigned the"
            f" checkpoint of size {checkpoint.size}.",
            next_step="Wait for the witnesses, then take a newer checkpoint.",
        )
    return Trusted(checkpoint, witnesses)


def parse_trust(text: str) -> Trust:
    """The policy in a text.

    Raises:
        BadTrust: a line says something else, a key is malformed, or the policy cannot be.
    """
    if len(text) > _TEXT_CHARACTERS_MAX:
        raise BadTrust("The policy is longer than a million characters.")
    keys: dict[str, list[VerifierKey]] = {"log": [], "witness": []}
    needed: int | None = None
    for number, line in enumerate(text.split("\n"), 1):
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word in keys:
            keys[word].append(_key(rest, number))
        elif word == "quorum" and needed is None:
            needed = _number(rest, number)
        else:
            raise BadTrust(
                f"Line {number} of the policy is neither a log, a witness nor the one quorum.",
                next_step="Write `log KEY`, `witness KEY` or `quorum NUMBER`.",
            )
    witnesses = tuple(keys["witness"])
    if witnesses and needed is None:
        raise BadTrust(
            "The policy names witnesses, but not how many of them must have cosigned.",
            next_step="Add a line `quorum NUMBER`.",
        )
    return Trust(tuple(keys["log"]), witnesses, needed or 0)


_TYPE_NAMES = {
    KeyType.ED25519: "Ed25519",
    KeyType.ED25519_COSIGNATURE: "Ed25519 cosignature",
    KeyType.ML_DSA_44_COSIGNATURE: "ML-DSA-44",
}


def _counted(signatures: Iterable[Signature], trust: Trust, now: int) -> tuple[Cosigned, ...]:
    """Each witness once, with its newest time; a time that cannot be does not count."""
    newest: dict[str, int] = {}
    for signature in signatures:
        at, name = signature.at, signature.key.name
        if signature.key not in trust.witnesses or at is None:
            continue
        if EARLIEST_SECONDS <= at <= now + CLOCK_SKEW_SECONDS_MAX:
            newest[name] = max(at, newest.get(name, 0))
    return tuple(Cosigned(name, newest[name]) for name in sorted(newest))


def _check_log_keys(keys: tuple[VerifierKey, ...]) -> None:
    types = [key.type for key in keys]
    if KeyType.ED25519 not in types:
        raise BadTrust(
            "The policy names no Ed25519 key of the log.",
            next_step="Add a line `log` with the text of `log.vkey`.",
        )
    if KeyType.ED25519_COSIGNATURE in types:
        raise BadTrust("A log signs its checkpoints with type 0x01 or 0x06, not with 0x04.")
    if len(set(types)) != len(types):
        raise BadTrust("The policy names two keys of one type for the log.")
    if len({key.name for key in keys}) != 1:
        raise BadTrust("The policy names the keys of two logs.")


def _check_witnesses(keys: tuple[VerifierKey, ...], origin: str) -> None:
    for key in keys:
        if key.type is KeyType.ED25519:
            raise BadTrust(
                f"The key of witness {key.name} does not cosign: it is of type 0x01.",
                next_step="Ask the witness for its key of type 0x04 or 0x06.",
            )
        if key.name == origin:
            raise BadTrust(f"{origin} is the log and cannot witness itself.")
    if len(set(keys)) != len(keys):
        raise BadTrust("The policy names a witness's key twice.")


def _key(text: str, number: int) -> VerifierKey:
    try:
        return parse_verifier_key(text)
    except BadNote as error:
        raise BadTrust(f"Line {number} of the policy: {error.message}") from error


def _number(text: str, number: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        raise BadTrust(f"Line {number} of the policy: the quorum is not a number.")
    return int(text)
