"""`assay store`: the records."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli._shared import json_option, say, settings_argument, write_json


@click.group()
def store() -> None:
    """The records that assay keeps of its own work."""


@store.command()
@settings_argument
@json_option
def migrate(settings: Path, json_file: str | None) -> None:
    """Bring the records to the schema of this assay; harmless when they have it.

    Make a copy of the database before: an older assay cannot read the new schema.
    """
    from assay.settings import read_settings
    from assay.stores.records import migrate_store

    url = read_settings(settings).store_url
    before, after = migrate_store(url)
    write_json(json_file, {"schema": 1, "before": before, "after": after})
    if json_file == "-":
        return
    if before == after:
        say(f"The records have schema {after} already.")
    else:
        say(f"The records had {before or 'no schema'} and now have {after}.")
