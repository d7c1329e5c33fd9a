"""The `[log]` table of assay.toml as frozen values; what a key means stands below it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import Field

from assay._settings_parts import Part
from assay._settings_values import Line, Name, Period


class WitnessSettings(Part):
    """A witness that cosigns the log's published checkpoints."""

    url: str
    """Where it answers: https, or http on this machine; `/add-checkpoint` is added."""
    key: str
    """Its verifier key, as `assay log witness --init` printed it; several with spaces between."""


class LogHoldSettings(Part):
    """A legal hold on entries of the log: their retention stops."""

    ground: Line
    """Why nothing may be removed."""
    types: tuple[str, ...] = ()
    """Event types; all of them when empty."""
    since: date | None = None
    """The first day of the events; from the beginning without it."""
    until: date | None = None
    """The last day of the events; open without it."""


class LogSettings(Part):
    """The audit log: where it lives, who witnesses it, how long its entries are kept."""

    url: str = ""
    """A PostgreSQL URL; empty is SQLite in the workspace. ASSAY_LOG_URL overrides it."""
    witnesses: Mapping[Name, WitnessSettings] = Field(default_factory=dict)
    """By name."""
    quorum: int = Field(default=0, ge=0, le=100)
    """How many witnesses must cosign before a checkpoint counts as published."""
    heartbeat_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """While assay holds the log open and nothing happens, say so this often."""
    retention: Mapping[str, Period] = Field(default_factory=dict)
    """How long entries are kept, by event type; `default` for the others. Unnamed types are kept."""
    holds: Mapping[Name, LogHoldSettings] = Field(default_factory=dict)
    """Legal holds, by name."""
