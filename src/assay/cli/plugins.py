"""`assay plugins`: every member of every room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli._shared import json_option, show_table, write_json
from assay.plugins import ROOMS, members

if TYPE_CHECKING:
    from assay.plugins import Member


@click.command()
@click.option("--room", type=click.Choice(list(ROOMS)), help="Only the members of this room.")
@json_option
def plugins(room: str | None, json_file: str | None) -> None:
    """List every member of every room, who brings it, and why one cannot be used.

    A package adds members with entry points in the group assay.ROOM.
    """
    rooms = [room] if room else list(ROOMS)
    found = [member for name in rooms for member in members(name)]
    write_json(json_file, {"schema": 1, "members": [_as_json(member) for member in found]})
    if json_file == "-":
        return
    rows = [(m.room, m.name, m.origin, _state(m), m.summary) for m in found]
    show_table("", ("room", "name", "from", "available", "what it is"), rows)
    missing = sum(not member.available for member in found)
    click.echo(f"{len(found)} members, {missing} of them not available.")


def _state(member: Member) -> str:
    return "yes" if member.available else f"no: {member.why_not}"


def _as_json(member: Member) -> dict[str, Any]:
    return {
        "room": member.room,
        "name": member.name,
        "origin": member.origin,
        "available": member.available,
        "why_not": member.why_not,
        "extra": member.extra,
        "missing_library": member.missing_library,
        "summary": member.summary,
    }
