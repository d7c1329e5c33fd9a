"""Personal fields of an event, each sealed for its own subject before the entry is hashed.

The leaf of the tree is the hash of what is sealed. When a subject's key is destroyed, every entry,
proof and checkpoint stays as it was, and the subject's fields in them can no longer be read by anybody.
An event that names two people has two sealed fields under two keys: erasing one leaves the other.

    detail = {..., "sealed": {"email": {"sealed": 1, ...}}, "tokens": {"email": "token:..."}}

A sealed field can be found by its exact value if it is given a token, an HMAC under a domain key.
A token outlives the subject's key: whoever has the domain key can still try values against it. So tokens
are made only for the fields that are named, and not for values that are easily guessed
(`docs/explanation/erasable-detail.md`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from assay.canonical import canonical_bytes
from assay.crypto.aead import DataKey
from assay.crypto.sealed_field import Place, open_value, seal_value, subject_of
from assay.errors import BadEvent, BadInput, KeyDestroyed, LogDamaged
from assay.vocabulary import Event, Facts, Json

SEALED = "sealed"
TOKENS = "tokens"
_RESERVED = frozenset({SEALED, TOKENS, "cites", "erased"})
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOKEN_LABEL = b"assay search token v1"
_TOKEN_KEY_BYTES_MIN = 32

Personal = Mapping[str, tuple[str, Json]]
"""Of each personal field: the subject it is about, and its value."""


class KeySource(Protocol):
    """Where the keys of subjects come from: `crypto.subject_keys.SubjectKeys`."""

    def key_for(self, subject: str, *, create: bool = False) -> DataKey:
        """The subject's key; raises KeyMissing or KeyDestroyed."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What stands in the place of a field whose subject's key was destroyed."""

    field: str
    subject: str
    why: str
    """When the key was destroyed, as the key store says it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An event as it is kept, and what its sealed fields say. The repr shows no value."""

    event: Event
    values: Mapping[str, Json] = field(repr=False)
    erased: tuple[Erased, ...] = ()

    @property
    def detail(self) -> Facts:
        """Clear detail and opened values side by side; `erased` names what nobody can read.

        Personal data: to be shown to whoever may see it, never to be logged or kept.
        """
        clear = {k: v for k, v in self.event.detail.items() if k not in (SEALED, TOKENS)}
        gone: dict[str, Json] = {
            each.field: {"subject": each.subject, "why": each.why} for each in self.erased
        }
        return {**clear, **self.values, **({"erased": gone} if gone else {})}


def sealed(
    event: Event,
    personal: Personal,
    keys: KeySource,
    *,
    searchable: Collection[str] = (),
    token_key: bytes | None = None,
) -> Event:
    """The event with each personal field sealed for its subject in `detail["sealed"]`.

    A subject without a key gets one, durably, first. `searchable` fields get a token in
    `detail["tokens"]`, made with `token_key`.

    Raises:
        BadEvent: a field's name is not of the form, or is taken in the detail.
        KeyDestroyed: a subject's key was destroyed; nothing may be sealed for it any more.
        BadInput: a value is not JSON, or a subject is not a subject id.
        ValueError: fields are to be searchable, but there is no token key of 32 bytes.
    """
    _refuse_bad_names(event, personal, searchable)
    if not personal:
        return event
    fields: dict[str, Json] = {}
    for name, (subject, value) in personal.items():
        place = Place(event.id, name, subject)
        fields[name] = seal_value(value, keys.key_for(subject, create=True), place)
    added: dict[str, Json] = {SEALED: fields}
    if searchable:
        wanted = sorted(searchable)
        added[TOKENS] = {name: token(token_key or b"", name, personal[name][1]) for name in wanted}
    return replace(event, detail={**event.detail, **added})


def opened(event: Event, keys: KeySource) -> Opened:
    """The event with what its sealed fields say, and which of them nobody can read any more.

    Raises:
        KeyMissing: the key store given never had a subject's key: it is the wrong one, or too old.
        WrongKey, Tampered, Truncated, UnsupportedSuite: a field does not open.
        LogDamaged: `detail["sealed"]` is no object.
    """
    fields = event.detail.get(SEALED, {})
    if not isinstance(fields, Mapping):
        raise LogDamaged(
            "An event's sealed fields are no object.",
            next_step="Verify the log: assay itself writes no such entry.",
        )
    values: dict[str, Json] = {}
    erased: list[Erased] = []
    for name in sorted(fields):
        subject = subject_of(fields[name])
        try:
            key = keys.key_for(subject)
        except KeyDestroyed as destroyed:
            erased.append(Erased(name, subject, destroyed.message))
            continue
        values[name] = open_value(fields[name], key, Place(event.id, name, subject))
    return Opened(event, values, tuple(erased))


def subjects_of(event: Event) -> frozenset[str]:
    """The subjects that the event has sealed fields for.

    Raises:
        UnsupportedSuite, Tampered: a field is not of the form.
    """
    fields = cast(Mapping[str, Json], event.detail.get(SEALED, {}))
    return frozenset(subject_of(value) for value in fields.values())


def token(key: bytes, name: str, value: Json) -> str:
    """What a searchable field of this name and exact value is found by: `token:` and 32 digits.

    The first 16 bytes of HMAC-SHA-256 over the field's name, a zero byte and the value's canonical
    JSON, under a domain key. Other names and other keys give unrelated tokens.

    Raises:
        BadInput: the value has no canonical JSON.
        ValueError: the key is shorter than 32 bytes.
    """
    if len(key) < _TOKEN_KEY_BYTES_MIN:
        raise ValueError(f"a token key has at least {_TOKEN_KEY_BYTES_MIN} bytes")
    try:
        said = b"\x00".join([_TOKEN_LABEL, name.encode(), canonical_bytes(value)])
    except (TypeError, ValueError):
        # The error that is being replaced may show the value.
        raise BadInput(
            f"The value of the field {name!r} has no canonical JSON, so no token.",
            next_step="Search for text, or for numbers that a double holds exactly.",
        ) from None
    return f"token:{hmac.digest(key, said, hashlib.sha256)[:16].hex()}"


def _refuse_bad_names(event: Event, personal: Personal, searchable: Collection[str]) -> None:
    for name in personal:
        if not _FIELD.fullmatch(name) or name in _RESERVED:
            raise BadEvent(
                f"A personal field of an event of type {event.type} cannot be called as it is.",
                next_step="Use lower case letters, digits and _, at most 64, and no reserved name: "
                + ", ".join(sorted(_RESERVED)),
            )
    taken = {*personal, SEALED, TOKENS, "erased"} & set(event.detail)
    if personal and taken:
        raise BadEvent(
            f"An event of type {event.type} has {', '.join(sorted(taken))} in its clear detail.",
            next_step="Leave out of the clear detail what is to be sealed; seal an event once.",
        )
    if not set(searchable) <= set(personal):
        raise BadEvent(
            f"An event of type {event.type} makes fields searchable that it does not seal.",
            next_step="`searchable` names fields of `personal`.",
        )
