"""`assay log archive|retain|import`: which entries are here, which in cold storage, which came in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli._lifecycle_shown import (
    applied_as_json,
    archived_as_json,
    say_not_reclaimed,
    show_applied,
    show_volumes,
    volumes_as_json,
)
from assay.cli._log_given import FILE, given_trust, instant_of, key_option, trust_option
from assay.cli._shared import counting, json_option, say, settings_option, write_json
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.audit_log.lifecycle.access import LogAccess
    from assay.audit_log.lifecycle.retention import Hold
    from assay.audit_log.log import AuditLog
    from assay.audit_log.trust import Trust
    from assay.settings import Settings


@click.command()
@click.argument("folder", type=FILE)
@settings_option
@click.option("--before", help="Archive what occurred before this instant (RFC 3339; UTC).")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Keep the newest N entries here.")
@click.option("--verify", is_flag=True, help="Verify the archive instead; needs no log.")
@key_option
@trust_option
@json_option
def archive(
    folder: Path,
    settings: Path,
    before: str | None,
    keep: int | None,
    verify: bool,
    key_file: Path | None,
    trust_file: Path | None,
    json_file: str | None,
) -> int:
    """Move the oldest entries into FOLDER, compressed and verified; their hashes stay here.

    All proofs and checkpoints hold as before. Entries go in blocks of 256 that a published checkpoint
    covers. With --verify, the archive is verified with the log's public keys alone; exit 1 unless it is
    clean.
    """
    if verify:
        return _verify(folder, _trust(key_file, trust_file, settings), json_file)
    if (before is None) == (keep is None):
        raise BadInput(
            "Say what to archive: either --before or --keep.",
            next_step="`--keep 100000` keeps the newest hundred thousand entries.",
        )
    from assay.audit_log.lifecycle.archive import archive as move
    from assay.settings import read_settings

    access = _access(read_settings(settings))
    with counting("entries", None) as told:
        done = move(
            access,
            folder,
            keep=keep,
            before=instant_of(before),
            progress=lambda number, _: told(number),
        )
    write_json(json_file, archived_as_json(done))
    if json_file == "-":
        return 0
    if done is None:
        say("Nothing to archive: entries go in whole blocks of 256.")
        return 0
    say(f"Entries {done.first} to {done.end - 1} are in {done.volume}.")
    say(f"{done.dropped.entries} entries left the log; entry {done.recorded_in} records it.")
    say_not_reclaimed(reclaimed=done.dropped.reclaimed)
    return 0


@click.command()
@settings_option
@click.option("--archive", "folder", type=FILE, help="Also in this archive of the log.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def retain(settings: Path, folder: Path | None, dry_run: bool, json_file: str | None) -> int:
    """Remove entries past the retention that [log.retention] of assay.toml says; holds keep them.

    Entries go in whole blocks of 256, from the archive anywhere and from the log at its beginning.
    Their hashes stay, so that every proof of another entry holds.
    """
    from assay.audit_log.lifecycle.retention import apply_retention
    from assay.settings import read_settings

    read = read_settings(settings)
    if not read.log.retention:
        raise BadInput(
            "assay.toml says no retention for the log.",
            next_step='Write [log.retention] and a line such as `note = "P1Y"`.',
        )
    applied = apply_retention(
        _access(read), dict(read.log.retention), _holds(read), folder, dry_run=dry_run
    )
    write_json(json_file, applied_as_json(applied, dry_run=dry_run))
    if json_file != "-":
        show_applied(applied, dry_run=dry_run)
    return 0


@click.command("import")
@click.argument("bundle", type=FILE)
@settings_option
@click.option("--entry", "entry_file", type=FILE, help="The bytes of the entry that BUNDLE proves.")
@click.option("--limit", type=click.IntRange(1), help="Take so many; run it again for the rest.")
@key_option
@trust_option
@json_option
def import_(
    bundle: Path,
    settings: Path,
    entry_file: Path | None,
    limit: int | None,
    key_file: Path | None,
    trust_file: Path | None,
    json_file: str | None,
) -> int:
    """Take entries that another machine's log signed into this one, with their origin and proof.

    BUNDLE is a folder that `assay log export` or `assay log archive` wrote there, or a .tlog-proof with
    the entry beside it. It is verified first, with that log's public keys; entries that are here
    already are passed over.
    """
    from assay.audit_log.lifecycle.foreign import open_bundle
    from assay.audit_log.lifecycle.importing import import_entries
    from assay.bootstrap import actor_of, open_log_for_writing, utc_now
    from assay.settings import read_settings

    trust, read, now = _trust(key_file, trust_file, None), read_settings(settings), utc_now()
    with counting("Verifying", None) as told:
        found = open_bundle(
            bundle,
            trust,
            entry_file=entry_file,
            now=int(now.timestamp()),
            progress=lambda number, _: told(number),
        )
    with open_log_for_writing(read) as log, counting("Importing", None) as told:
        done = import_entries(
            log, found, trust.origin, actor=actor_of(read), at=now, limit=limit, progress=told
        )
    write_json(
        json_file,
        {
            "schema": 1,
            "origin": done.origin,
            "taken": done.taken,
            "known": done.known,
            "remaining": done.remaining,
            "not_brought": done.not_brought,
        },
    )
    if json_file != "-":
        say(f"{done.taken} entries of {done.origin} were taken in; {done.known} were here before.")
        if done.not_brought:
            say(f"{done.not_brought} pieces of evidence that they cite were not in the bundle.")
        if done.remaining:
            say("The limit was reached; run it again for the rest.")
    return 0


def _verify(folder: Path, trust: Trust, json_file: str | None) -> int:
    from assay.audit_log.lifecycle.verify_archive import verify_archive
    from assay.bootstrap import utc_now

    with counting("entries", None) as told:
        volumes = verify_archive(
            folder,
            trust,
            now=int(utc_now().timestamp()),
            progress=lambda number, _: told(number),
        )
    clean = all(volume.seen.clean for volume in volumes)
    write_json(json_file, volumes_as_json(volumes, clean=clean))
    if json_file != "-":
        show_volumes(volumes)
        say("Everything verifies." if clean else "NOT CLEAN.")
    return 0 if clean else 1


def _access(read: Settings) -> LogAccess:
    """The workspace's log, as archive and retention need it."""
    from assay.audit_log.lifecycle.access import postgres_access, sqlite_access
    from assay.bootstrap import actor_of, open_log_for_writing, read_verifier_keys, utc_now

    keys, actor, folder = read_verifier_keys(read), actor_of(read), read.workspace_folder

    def write() -> AuditLog:
        return open_log_for_writing(read)

    if read.log_url:
        return postgres_access(folder, read.log_url, keys, actor, write, clock=utc_now)
    return sqlite_access(folder, keys, actor, write, clock=utc_now)


def _holds(read: Settings) -> list[Hold]:
    from assay.audit_log.lifecycle.retention import Hold

    _expect_known_types(read)
    return [
        Hold(name, frozenset(hold.types), hold.since, hold.until)
        for name, hold in read.log.holds.items()
    ]


def _expect_known_types(read: Settings) -> None:
    """Refuse a misspelt type: a hold of it would hold nothing, a rule of it would remove nothing."""
    from assay.audit_log.event_types import event_type
    from assay.errors import SettingsError, UnknownEventType

    named: list[tuple[tuple[str, ...], str]] = [
        (("log", "retention", name), name) for name in read.log.retention if name != "default"
    ]
    for hold, said in read.log.holds.items():
        named += [(("log", "holds", hold, "types"), name) for name in said.types]
    for keys, name in named:
        try:
            event_type(name)
        except UnknownEventType as error:
            where = read.place(*keys)
            raise SettingsError(f"{where}: {error.message}", next_step=error.next_step) from error


def _trust(key_file: Path | None, trust_file: Path | None, settings: Path | None) -> Trust:
    """The policy that was given; else the keys of the workspace, where there is one."""
    from assay.bootstrap import read_trust
    from assay.settings import read_settings

    trust = given_trust(key_file, trust_file)
    if trust is not None:
        return trust
    if settings is not None and settings.exists():
        return read_trust(read_settings(settings))
    raise BadInput(
        "Entries of a log are verified with its public keys.",
        next_step="Give them with --key FILE (log.vkey of the log's workspace), or --trust.",
    )
