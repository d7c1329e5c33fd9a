"""The types of events: what each means, how severe it is by default, and who emits it.

An event of a type that nobody registered is refused, so that a misspelt type cannot hide from the
queries and reports that ask for it. More types come in two ways:

- `register("invoice_paid", Severity.LOW, "An invoice was paid.")`, in this process;
- an entry point in the group `assay.event_types` that names an `EventType` or a tuple of them
  (`package.module:TYPES`), in every process of this installation, so for `assay log append` too.

A name has one severity for good: to register it again with another one is an error.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from assay.errors import BadInput, UnknownEventType
from assay.vocabulary import Severity

ENTRY_POINTS = "assay.event_types"

APPEND = "assay log append"
AUDITED = "assay.audited"
HANDLER = "assay.AuditLogHandler"
ERASE = "assay.erase_subject"
MIDDLEWARE = "assay.AuditMiddleware"
_ASSESSING = ("assay assess", "assay check run", "assay model robustness", "assay demo")
_BY_HAND = (APPEND, AUDITED)

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAME_LENGTH_MAX = 64
_WORDS_LENGTH_MAX = 400
_logger = logging.getLogger("assay.event_types")


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event. `severity` holds unless the emitter says otherwise.

    Raises:
        BadInput: the name is not one, or the words are missing or too long.
    """

    name: str
    """Lower-case words joined by `_`, at most 64 characters."""
    severity: Severity
    words: str
    """What has happened when an event of this type is in the log; a sentence or two."""
    emitters: tuple[str, ...] = _BY_HAND
    """The public commands and calls that emit it; a test drives each of them."""

    def __post_init__(self) -> None:
        if len(self.name) > _NAME_LENGTH_MAX or not _NAME.fullmatch(self.name):
            raise BadInput(
                f"{self.name[:_NAME_LENGTH_MAX]!r} cannot name an event type.",
                next_step="Write lower-case words joined by _, at most 64 characters.",
            )
        if not 0 < len(self.words) <= _WORDS_LENGTH_MAX or not self.words.isprintable():
            raise BadInput(
                f"The words of the event type {self.name} are missing, too long or not printable.",
                next_step=f"Say on one line, in at most {_WORDS_LENGTH_MAX} characters, what happened.",
            )


_OWN = (
    EventType(
        "assessment",
        Severity.LOW,
        "An assessment began or ended; the entry that closes it cites all of its evidence.",
        _ASSESSING,
    ),
    EventType(
        "observation", Severity.LOW, "An assessment kept what it saw, as evidence.", _ASSESSING
    ),
    EventType(
        "compliance_violation",
        Severity.HIGH,
        "A check found that a rule does not hold; its severity is the finding's.",
        ("assay assess", "assay check run", "assay demo", *_BY_HAND),
    ),
    EventType(
        "data_access",
        Severity.HIGH,
        "Data were read: all rows of a dataset by an assessment (not when a kept result was used), "
        "or what users' own code says.",
        ("assay assess", "assay check run", "assay demo", *_BY_HAND, MIDDLEWARE),
    ),
    EventType(
        "model_access",
        Severity.HIGH,
        "A model was asked: by an attack or a corruption, with how often (not when a kept result "
        "was used), or what users' own code says.",
        ("assay assess", "assay model robustness", "assay demo", *_BY_HAND),
    ),
    EventType(
        "model_deployment",
        Severity.HIGH,
        "A model was put where it answers to others, or taken from there.",
        _BY_HAND,
    ),
    EventType(
        "model_update",
        Severity.MEDIUM,
        "A model was trained, changed or replaced.",
        ("assay demo", *_BY_HAND),
    ),
    EventType("user_login", Severity.MEDIUM, "Somebody logged in, or failed to.", _BY_HAND),
    EventType(
        "configuration_change",
        Severity.HIGH,
        "A setting that protects data or models was changed.",
        _BY_HAND,
    ),
    EventType(
        "error_event",
        Severity.MEDIUM,
        "Something failed: the type of the error is kept, never its words.",
        ("assay assess", *_BY_HAND, HANDLER, MIDDLEWARE),
    ),
    EventType(
        "security_alert",
        Severity.CRITICAL,
        "Something looks like an attack or a breach and needs a person now.",
        _BY_HAND,
    ),
    EventType("note", Severity.LOW, "Somebody wrote something down.", (*_BY_HAND, HANDLER)),
    EventType(
        "log_review",
        Severity.MEDIUM,
        "A person looked through a period of the log and signed what they found.",
        ("assay log review", *_BY_HAND),
    ),
    EventType(
        "heartbeat",
        Severity.LOW,
        "Nothing happened since the entry before: absence is attested.",
        ("assay log heartbeat", *_BY_HAND),
    ),
    EventType(
        "log_imported",
        Severity.MEDIUM,
        "Entries that another machine's log signed were taken in, with their origin and proof.",
        ("assay log import", *_BY_HAND),
    ),
    EventType(
        "log_archived",
        Severity.HIGH,
        "Entries were moved to cold storage; their hashes stay, so old proofs still verify.",
        ("assay log archive", *_BY_HAND),
    ),
    EventType(
        "retention_applied",
        Severity.HIGH,
        "Entries past their retention were removed, by a stated rule; their hashes stay.",
        ("assay log retain", *_BY_HAND),
    ),
    EventType(
        "subject_key_destroyed",
        Severity.HIGH,
        "The key that sealed a person's fields was destroyed; they cannot be read any more.",
        (ERASE, *_BY_HAND),
    ),
)

_registered: dict[str, EventType] = {one.name: one for one in _OWN}


def register(name: str, severity: Severity, words: str) -> EventType:
    """A new type, from now on and in this process; the same call again changes nothing.

    Raises:
        BadInput: the name is not one, or it is taken with another severity.
    """
    return _add(EventType(name, severity, words))


def event_type(name: str) -> EventType:
    """The type with this name.

    Raises:
        UnknownEventType: nobody registered it.
    """
    found = _registered.get(name)
    if found is None:
        # Looking for installed packages takes milliseconds, so only a name that is unknown does it.
        _take_entry_points()
        found = _registered.get(name)
    if found is None:
        raise UnknownEventType(
            f"There is no event type {name[:_NAME_LENGTH_MAX]!r}.",
            next_step=f"The types are: {', '.join(sorted(_registered))}.",
        )
    return found


def severity_of(name: str) -> Severity:
    """How severe an event of this type is unless its emitter says otherwise.

    Raises:
        UnknownEventType: nobody registered the type.
    """
    return event_type(name).severity


def known() -> tuple[EventType, ...]:
    """Every type by name: assay's own, those of installed packages, those of this process."""
    _take_entry_points()
    return tuple(_registered[name] for name in sorted(_registered))


def own() -> tuple[EventType, ...]:
    """assay's own types by name, whatever else is installed or registered."""
    return tuple(sorted(_OWN, key=lambda one: one.name))


def _add(one: EventType) -> EventType:
    # setdefault is one step, so that two threads cannot both be first.
    before = _registered.setdefault(one.name, one)
    if before.severity is not one.severity:
        raise BadInput(
            f"The event type {one.name} is there already, with severity {before.severity.word}.",
            next_step="Give it the same severity, or choose another name.",
        )
    return before


@cache
def _take_entry_points() -> None:
    """Register what installed packages bring; a broken one is named in the logging system."""
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: (p.name, p.value)):
        try:
            for one in _types_of(point):
                _add(one)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may do anything
            _logger.warning(
                "The event types of %s cannot be used (%s).", point.value, type(error).__name__
            )


def _types_of(point: EntryPoint) -> tuple[EventType, ...]:
    value = point.load()
    found = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(one, EventType) for one in found):
        raise TypeError("not an EventType")
    return found
