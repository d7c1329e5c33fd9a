"""`assay log verify|prove|export|reindex`: what makes the log believable to others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli._log_given import (
    FILE,
    given_trust,
    key_option,
    small_file,
    small_text,
    trust_option,
)
from assay.cli._shared import (
    counting,
    json_option,
    say,
    settings_argument,
    settings_option,
    write_json,
)
from assay.errors import BadInput, LogDamaged

if TYPE_CHECKING:
    from assay.audit_log.interface import Verification
    from assay.audit_log.trust import Trust

_SHOWN_FAULTS = 20


@click.command()
@click.argument("place", type=FILE, default=Path("assay.toml"), metavar="[ASSAY.TOML|EXPORT|PROOF]")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=FILE,
    help="A checkpoint kept elsewhere; may repeat. Shows a log that was rewritten or cut.",
)
@click.option("--entry", "entry_file", type=FILE, help="The bytes of the entry that PROOF is of.")
@click.option("--evidence-only", is_flag=True, help="Leave out the index, which can be made again.")
@key_option
@trust_option
@json_option
def verify(
    place: Path,
    checkpoints: tuple[Path, ...],
    entry_file: Path | None,
    evidence_only: bool,
    key_file: Path | None,
    trust_file: Path | None,
    json_file: str | None,
) -> int:
    """Recompute entries, hashes, tree, checkpoints and cited evidence; exit 1 unless clean.

    Verifies the workspace's own log, a folder that `assay log export` wrote, or a .tlog-proof. The
    last two need nothing but the log's public keys: no database and no network.
    """
    if place.suffix == ".tlog-proof":
        return _verify_proof(place, entry_file, _trust(key_file, trust_file), json_file)
    if place.is_dir() and (place / "tile").is_dir():
        from assay.audit_log.verify_export import verify_export

        trust = _trust(key_file, trust_file)
        with counting("entries", None) as told:
            seen = verify_export(place, trust, now=_now(), progress=lambda done, _: told(done))
        silences = []
    else:
        seen, trust = _verify_live(
            place, checkpoints, key_file, trust_file, index=not evidence_only
        )
        silences = _silences(place, trust) if seen.evidence_intact and not evidence_only else []
    write_json(json_file, {**_as_json(seen), "missing_heartbeats": silences})
    if json_file != "-":
        _show(seen, trust)
        for silence in silences:
            say(
                f"NO HEARTBEAT  from {silence['began_at']} to {silence['ended_at']}:"
                f" {silence['missing']} are missing after entry {silence['after_index']}"
            )
    return 0 if seen.clean else 1


@click.command()
@click.argument("index", type=click.IntRange(0))
@settings_option
@click.option("--out", type=FILE, help="Where to; INDEX.tlog-proof unless said.")
@click.option("--archive", type=FILE, help="Where the entry is, if it was archived.")
@json_option
def prove(
    index: int, settings: Path, out: Path | None, archive: Path | None, json_file: str | None
) -> int:
    """Write the proof that entry INDEX is in the log, and beside it the entry's bytes.

    Anybody can verify the two files with the log's public key: `assay log verify FILE.tlog-proof`.
    """
    from assay.atomic import write_atomically
    from assay.audit_log.merkle import inclusion_holds, leaf_hash
    from assay.audit_log.tlog_proof import prove as proof_of
    from assay.bootstrap import open_log_for_reading
    from assay.settings import read_settings

    target = out or Path(f"{index}.tlog-proof")
    if target.suffix != ".tlog-proof":
        raise BadInput("A proof's name ends in .tlog-proof.", next_step="Choose another --out.")
    beside = target.with_suffix(".entry")
    with open_log_for_reading(read_settings(settings)) as log:
        checkpoint = log.newest_checkpoint()
        if checkpoint is None or index >= checkpoint.size:
            raise BadInput(
                f"No published checkpoint covers entry {index}.",
                next_step="Append something, or take a smaller index.",
            )
        entry = log.entry(index) if archive is None else _archived(archive, index)
        proof = proof_of(log, checkpoint, index)
        if not inclusion_holds(
            leaf_hash(entry), index, checkpoint.size, proof.hashes, checkpoint.root
        ):
            raise LogDamaged(
                f"Entry {index} is not the one that the checkpoint was signed for.",
                next_step="Run `assay log verify` to see where.",
            )
    write_atomically(beside, entry, mode=0o640)
    write_atomically(target, str(proof).encode(), mode=0o640)
    write_json(json_file, {"schema": 1, "proof": str(target), "entry": str(beside)})
    if json_file != "-":
        say(f"Proof  {target}")
        say(f"Entry  {beside}")
    return 0


@click.command()
@click.argument("out", type=FILE, metavar="FOLDER|FILE")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["tiles", "ocsf", "cloudevents"]),
    default="tiles",
    show_default=True,
    help="tiles: a folder that can be verified. The others: a file of JSON lines for a SIEM.",
)
@settings_option
@json_option
def export(out: Path, format_: str, settings: Path, json_file: str | None) -> int:
    """Write the log into FOLDER as static files (c2sp.org/tlog-tiles), or add what is new.

    Whoever has the folder and the log's public keys can verify all of it: `assay log verify FOLDER`.
    """
    if format_ != "tiles":
        return _export_lines(out, format_, settings, json_file)
    from assay.audit_log.tiles_folder import export as write_folder
    from assay.bootstrap import open_log_for_reading, read_verifier_keys
    from assay.settings import read_settings

    read = read_settings(settings)
    with open_log_for_reading(read) as log, counting("entries", log.size) as told:
        done = write_folder(log, out, read_verifier_keys(read), lambda n, _: told(n))
    size = done.checkpoint.size
    write_json(json_file, {"schema": 1, "size": size, "size_before": done.size_before})
    if json_file != "-":
        say(f"{size - done.size_before} entries were added; {out} has {size}.")
    return 0


@click.command()
@settings_argument
@json_option
def reindex(settings: Path, json_file: str | None) -> int:
    """Make index, ids and tile hashes again from the entries, which are the evidence."""
    from assay.audit_log.opening import reindex_log
    from assay.bootstrap import log_place, read_verifier_key
    from assay.settings import read_settings

    read = read_settings(settings)
    key = read_verifier_key(read)
    with counting("entries", None) as told:
        size = reindex_log(log_place(read), key, told)
    write_json(json_file, {"schema": 1, "size": size})
    if json_file != "-":
        say(f"The index of {size} entries was made again.")
    return 0


def _export_lines(file: Path, format_: str, settings: Path, json_file: str | None) -> int:
    from assay.audit_log.lifecycle.siem_export import write_siem
    from assay.bootstrap import open_log_for_reading
    from assay.settings import read_settings

    with (
        open_log_for_reading(read_settings(settings)) as log,
        counting("entries", log.size) as told,
    ):
        lines = write_siem(log, format_, file, progress=told)
    write_json(json_file, {"schema": 1, "lines": lines, "format": format_})
    if json_file != "-":
        say(f"{lines} lines are in {file}.")
    return 0


def _verify_live(
    place: Path,
    checkpoints: tuple[Path, ...],
    key_file: Path | None,
    trust_file: Path | None,
    *,
    index: bool,
) -> tuple[Verification, Trust]:
    from assay.audit_log.opening import verify_log
    from assay.bootstrap import log_place, read_trust
    from assay.settings import read_settings

    read = read_settings(place)
    given = key_file is not None or trust_file is not None
    trust = _trust(key_file, trust_file) if given else read_trust(read)
    retained = [small_text(path) for path in checkpoints]
    with counting("entries", None) as told:
        seen = verify_log(
            log_place(read),
            trust.log_keys[0],
            retained,
            trust=trust if trust.needed else None,
            index=index,
            progress=told,
        )
    return seen, trust


def _archived(folder: Path, index: int) -> bytes:
    from assay.audit_log.lifecycle.volume import archived_volume

    return archived_volume(folder, index).entry(index)


def _silences(place: Path, trust: Trust) -> list[dict[str, Any]]:
    """Where the log had promised heartbeats and has none."""
    from assay.audit_log.entry import event_of
    from assay.audit_log.heartbeat import TYPE, missing_heartbeats
    from assay.audit_log.interface import EventQuery
    from assay.audit_log.opening import open_reader
    from assay.bootstrap import log_place, utc_now
    from assay.canonical import instant
    from assay.settings import read_settings

    with open_reader(log_place(read_settings(place)), trust.log_keys[0]) as log:
        if not log.count(EventQuery(type=TYPE)):
            return []
        stream = log.entries(log.minimum_index, log.size)
        events = ((index, event_of(data)) for index, data in stream)
        logged = ((index, e.occurred_at, e.type, e.detail) for index, e in events)
        return [
            {
                "after_index": gap.after_index,
                "began_at": instant(gap.began_at),
                "ended_at": instant(gap.ended_at),
                "interval_seconds": gap.interval_seconds,
                "missing": gap.missing,
            }
            for gap in missing_heartbeats(logged, utc_now())
        ]


def _verify_proof(place: Path, entry_file: Path | None, trust: Trust, json_file: str | None) -> int:
    from assay.audit_log.tlog_proof import parse_proof, verify_bundle
    from assay.errors import BadNote, BadProof

    text = small_text(place)
    entry = small_file(entry_file or place.with_suffix(".entry"))
    try:
        index = parse_proof(text).index
        checkpoint = verify_bundle(text, entry, trust, now=_now()).checkpoint
    except (BadProof, BadNote) as error:
        write_json(json_file, {"schema": 1, "clean": False, "what": error.message})
        if json_file != "-":
            say(f"NOT CLEAN: {error.message}")
        return 1
    write_json(json_file, {"schema": 1, "clean": True, "index": index, "size": checkpoint.size})
    if json_file != "-":
        say(f"Entry {index} is in the log {checkpoint.origin} of {checkpoint.size} entries.")
    return 0


def _trust(key_file: Path | None, trust_file: Path | None) -> Trust:
    trust = given_trust(key_file, trust_file)
    if trust is None:
        raise BadInput(
            "This is verified with the log's public keys; a key that came with it proves nothing.",
            next_step="Give them with --key FILE (log.vkey of the log's workspace), or --trust.",
        )
    return trust


def _now() -> int:
    from assay.bootstrap import utc_now

    return int(utc_now().timestamp())


def _as_json(seen: Verification) -> dict[str, Any]:
    return {
        "schema": 1,
        "clean": seen.clean,
        "evidence_intact": seen.evidence_intact,
        "size": seen.size,
        "root": seen.root.hex(),
        "checkpoints": seen.checkpoints,
        "newest_checkpoint_size": seen.newest.size if seen.newest else None,
        "witnessed_size": seen.witnessed.size if seen.witnessed else None,
        "cited": seen.cited,
        "faults": [
            {"place": fault.place, "what": fault.what, "damage": fault.damage.value}
            for fault in seen.faults
        ],
    }


def _show(seen: Verification, trust: Trust) -> None:
    for key in trust.log_keys[:1]:
        say(f"Verifier key  {key}")
    say(f"Entries       {seen.size}")
    say(f"Root          {seen.root.hex()}")
    say(f"Checkpoints   {seen.checkpoints}")
    if seen.witnessed is not None:
        say(f"Witnessed up to {seen.witnessed.size}")
    say(f"Cited         {seen.cited}")
    if seen.clean:
        say("Everything verifies.")
        return
    say(f"NOT CLEAN: {len(seen.faults)} faults, the first at {seen.faults[0].place}")
    for fault in seen.faults[:_SHOWN_FAULTS]:
        say(f"  {fault.place}: {fault.what} ({fault.damage.value})")
    if len(seen.faults) > _SHOWN_FAULTS:
        say(f"  and {len(seen.faults) - _SHOWN_FAULTS} more; --json has them all")
    if seen.evidence_intact:
        say("The evidence is intact. `assay log reindex` makes the index again.")
