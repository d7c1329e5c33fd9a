"""Finds the members of a room: our own files first, then entry points `assay.<room>`.

One file is one member. A member's module binds `MEMBER`, the value that the room's `interface.py`
describes, and may say `REQUIRES = ("torch",)` and `EXTRA = "torch"`: a member whose libraries are
not installed is listed as unavailable, with the extra to install. Files whose name starts with `_`,
and `interface.py`, are no members.

A package elsewhere adds a member with an entry point in the group `assay.<room>` that names a
module of the same form. A member that cannot be imported is listed with its error; it takes nothing
else down with it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from assay.errors import BadInput, MissingExtra

ROOMS: dict[str, str] = {
    "sources": "assay.data.sources",
    "detectors": "assay.data.detectors",
    "libraries": "assay.models.libraries",
    "attacks": "assay.models.attacks",
    "corruptions": "assay.models.corruptions",
    "readers": "assay.compliance.readers",
    "checks": "assay.compliance.checks",
    "frameworks": "assay.compliance.frameworks",
    "threats": "assay.compliance.threats",
    "executors": "assay.executors",
    "reports": "assay.reports",
    "siem": "assay.audit_log.siem",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a room. `value` is what its module binds as MEMBER, None if it cannot be used."""

    room: str
    name: str
    origin: str
    """`assay`, or the distribution that brings it."""
    summary: str
    available: bool
    why_not: str = ""
    extra: str = ""
    missing_library: str = ""
    value: Any = None

    def use(self) -> Any:
        """The member itself.

        Raises:
            MissingExtra: an optional library is not installed.
            BadInput: its module cannot be imported.
        """
        if self.available:
            return self.value
        if self.missing_library:
            what = f"{self.room}/{self.name}"
            raise MissingExtra(what, extra=self.extra, library=self.missing_library)
        raise BadInput(f"{self.room}/{self.name} of {self.origin} cannot be used: {self.why_not}")


@cache
def members(room: str) -> tuple[Member, ...]:
    """Every member of a room by name, available or not.

    Raises:
        KeyError: there is no such room.
    """
    package = ROOMS[room]
    found: dict[str, Member] = {}
    for name, module_name, origin in [*_own_files(package), *_entry_points(room)]:
        if name in found:
            why = f"the name is taken by {found[name].origin}"
            told_apart = f"{name} ({origin})"
            found[told_apart] = Member(room, told_apart, origin, "", False, why)
        else:
            found[name] = _load(room, name, module_name, origin)
    return tuple(found[name] for name in sorted(found))


def available(room: str) -> tuple[Member, ...]:
    """The members that can be used here."""
    return tuple(member for member in members(room) if member.available)


def _own_files(package: str) -> Iterator[tuple[str, str, str]]:
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return
    for info in pkgutil.iter_modules(spec.submodule_search_locations):
        if not info.name.startswith("_") and info.name != "interface":
            yield info.name, f"{package}.{info.name}", "assay"


def _entry_points(room: str) -> Iterator[tuple[str, str, str]]:
    for point in sorted(entry_points(group=f"assay.{room}"), key=lambda p: (p.name, p.value)):
        origin = point.dist.name if point.dist else "unknown"
        yield point.name, point.value, origin


def _load(room: str, name: str, module_name: str, origin: str) -> Member:
    try:
        module = importlib.import_module(module_name)
        value = module.MEMBER
        missing = next((lib for lib in getattr(module, "REQUIRES", ()) if not _installed(lib)), "")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may do anything
        why = f"{module_name} cannot be imported ({type(error).__name__}: {error})"
        return Member(room, name, origin, "", False, why)
    extra = getattr(module, "EXTRA", "")
    why = f"{missing} is not installed; pip install 'assay[{extra}]'" if missing else ""
    return Member(room, name, origin, _summary(module), not missing, why, extra, missing, value)


def _installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:
        return False


def _summary(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]
