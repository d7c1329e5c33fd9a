"""What `assay log archive|retain` found and did, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.cli._shared import say, show_table

if TYPE_CHECKING:
    from assay.audit_log.lifecycle.archive import Archived
    from assay.audit_log.lifecycle.retention import Applied
    from assay.audit_log.lifecycle.verify_archive import VolumeVerification

_SHOWN_FAULTS = 20


def archived_as_json(done: Archived | None) -> dict[str, Any]:
    """What was archived, if anything."""
    if done is None:
        return {"schema": 1, "archived": 0}
    return {
        "schema": 1,
        "archived": done.end - done.first,
        "first": done.first,
        "minimum": done.end,
        "volume": str(done.volume),
        "recorded_in": done.recorded_in,
        "dropped": done.dropped.entries,
        "reclaimed": done.dropped.reclaimed,
    }


def applied_as_json(applied: Sequence[Applied], *, dry_run: bool) -> dict[str, Any]:
    """What retention removed, or would remove."""
    places = [
        {
            "where": one.where,
            "removed": one.due.count,
            "ranges": [list(each) for each in one.due.ranges],
            "held": one.due.held,
            "waiting": one.due.waiting,
            "recorded_in": list(one.recorded_in),
        }
        for one in applied
    ]
    return {"schema": 1, "dry_run": dry_run, "places": places}


def show_applied(applied: Sequence[Applied], *, dry_run: bool) -> None:
    """A table of it."""
    rows = [
        (one.where, str(one.due.count), str(one.due.held), str(one.due.waiting)) for one in applied
    ]
    removed = "To remove" if dry_run else "Removed"
    show_table("", ("Where", removed, "Held", "Due, beside others that are not"), rows)


def volumes_as_json(volumes: Sequence[VolumeVerification], *, clean: bool) -> dict[str, Any]:
    """What verifying an archive found."""
    return {
        "schema": 1,
        "clean": clean,
        "volumes": [
            {
                "first": volume.first,
                "end": volume.end,
                "removed": volume.removed,
                "cited": volume.seen.cited,
                "faults": [
                    {"place": fault.place, "what": fault.what} for fault in volume.seen.faults
                ],
            }
            for volume in volumes
        ],
    }


def show_volumes(volumes: Sequence[VolumeVerification]) -> None:
    """A line for each volume, and its faults."""
    for volume in volumes:
        removed = f", {volume.removed} of them removed by retention" if volume.removed else ""
        say(f"Entries {volume.first} to {volume.end - 1}{removed}; {volume.seen.cited} cited.")
        for fault in volume.seen.faults[:_SHOWN_FAULTS]:
            say(f"  {fault.place}: {fault.what}")
        if len(volume.seen.faults) > _SHOWN_FAULTS:
            say(f"  and {len(volume.seen.faults) - _SHOWN_FAULTS} more; --json has them all")


def say_not_reclaimed(*, reclaimed: bool) -> None:
    """Say so where the database file kept its size."""
    if not reclaimed:
        say("The database file could not be made smaller for want of room; it reuses the space.")
