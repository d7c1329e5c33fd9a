"""Erases a subject from the log: the key is destroyed, and the log says that it was.

The key goes first. If the process ends before the event is written, running it again finds the tombstone
and writes the same event, under the same id.
"""

from __future__ import annotations

import uuid

from assay.audit_log.caller import from_client
from assay.audit_log.emitting.interface import EventLog
from assay.audit_log.entry import new_event
from assay.crypto.subject_keys import SubjectKeys, Tombstone
from assay.vocabulary import Target


def erase_subject(
    log: EventLog, keys: SubjectKeys, subject: str, *, actor: str, target: Target, request: str = ""
) -> Tombstone:
    """Destroy a subject's key, durably record it, and return what stays of it.

    Every field that was sealed for the subject is unreadable from now on, in every entry and export;
    entries, proofs and checkpoints stay as they are. `request` refers to why, without personal data.

    Raises:
        KeyMissing: the subject never had a key here.
        LogError, DiskFull: the key is destroyed but not recorded; run it again.
    """
    tombstone = keys.destroy(subject)
    event = new_event(
        "subject_key_destroyed",
        occurred_at=tombstone.destroyed_at,
        actor=actor,
        action="destroy the key of a subject",
        target=target,
        detail={
            "subject": tombstone.subject,
            "commitment": tombstone.commitment.hex(),
            "request": request,
        },
        event_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"assay/{tombstone.commitment.hex()}")),
    )
    log.append(from_client(event)).sequenced()
    return tombstone
