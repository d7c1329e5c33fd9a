"""Entries that another log signed, read from what that log's machine handed over, and verified.

Three forms: a folder that `assay log export` wrote, an archive, and one entry with its `.tlog-proof`.
All of it is verified before the first entry is given out, with keys that the caller brings; each entry
comes with its own proof, which is checked once more on the way, so that a file that changes meanwhile
gives nothing unproven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from assay.audit_log.entry import ENTRY_BYTES_MAX, event_of
from assay.audit_log.exported_files import ExportedFiles
from assay.audit_log.interface import Verification
from assay.audit_log.lifecycle.verify_archive import verify_archive
from assay.audit_log.lifecycle.volume import CITED_BYTES_MAX, Volume
from assay.audit_log.lifecycle.volume_files import MANIFEST, volumes_in
from assay.audit_log.merkle import inclusion_holds, leaf_hash
from assay.audit_log.notes import NOTE_BYTES_MAX
from assay.audit_log.proofs import inclusion_proof
from assay.audit_log.report.exported_log import ExportedLog
from assay.audit_log.tiles_folder import cited_path
from assay.audit_log.tlog_proof import SUFFIX, TlogProof, parse_proof, verify_bundle
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.audit_log.verify_export import verify_export
from assay.canonical import digest
from assay.errors import BadNote, BadProof, LogDamaged, NotImported, UnreadableFile

_PROOF_BYTES_MAX = NOTE_BYTES_MAX + 100_000

Progress = Callable[[int, int], None]
"""Told how many entries are verified, of how many."""


@dataclass(frozen=True, slots=True)
class ForeignEntry:
    """An entry of another log with its proof; `cited` gives what it cites, None what was not brought."""

    data: bytes
    proof: TlogProof
    cited: Callable[[str], bytes | None] = field(repr=False)

    @property
    def index(self) -> int:
        """Where it is in its own log."""
        return self.proof.index


def open_bundle(
    path: Path,
    trust: Trust,
    *,
    entry_file: Path | None = None,
    now: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Iterator[ForeignEntry]:
    """The entries of a bundle, in order; verified before this returns.

    `entry_file` has the bytes of the entry of a `.tlog-proof`; a file beside it unless said. `now` is
    the clock in seconds since 1970, for the times of witnesses.

    Raises:
        NotImported: the bundle does not verify with these keys, or an entry is no event.
        UnreadableFile: it is none of the three forms, or cannot be read.
    """
    if path.suffix == SUFFIX:
        found = _one_entry(path, entry_file or path.with_suffix(".entry"), trust, now)
    elif (path / "checkpoint").is_file() and (path / "tile").is_dir():
        _expect_clean(verify_export(path, trust, now=now, progress=progress), path)
        log = ExportedLog(path)
        _expect_events(log.entries(0, log.size), path)
        found = _exported(path, log)
    elif (path / MANIFEST).is_file() or any(path.glob(f"*/{MANIFEST}")):
        for each in verify_archive(path, trust, now=now, progress=progress):
            _expect_clean(each.seen, path)
        volumes = [Volume(each) for each in volumes_in(path)]
        for volume in volumes:
            _expect_events(volume.entries(volume.manifest.first, volume.manifest.end), path)
        found = _archived(volumes)
    else:
        raise UnreadableFile(
            f"{path} is no export, no archive and no {SUFFIX}.",
            next_step="Give what `assay log export`, `archive` or `prove` wrote on the other machine.",
        )
    return _checked(found, trust, now)


def _checked(
    found: Iterator[ForeignEntry], trust: Trust, now: int | None
) -> Iterator[ForeignEntry]:
    """Entries whose own proof holds, and that are events."""
    note, size, root = "", 0, b""
    for entry in found:
        if entry.proof.note != note:
            note = entry.proof.note
            checkpoint = trusted_checkpoint(note, trust, now=now).checkpoint
            size, root = checkpoint.size, checkpoint.root
        leaf = leaf_hash(entry.data)
        if not inclusion_holds(leaf, entry.index, size, entry.proof.hashes, root):
            raise NotImported(
                f"The proof of entry {entry.index} does not hold: the bundle was changed meanwhile.",
                next_step="Copy it to a folder that nobody else writes, and import it again.",
            )
        yield entry


def _one_entry(
    path: Path, entry_file: Path, trust: Trust, now: int | None
) -> Iterator[ForeignEntry]:
    text = _bytes(path, _PROOF_BYTES_MAX).decode("utf-8", "surrogateescape")
    data = _bytes(entry_file, ENTRY_BYTES_MAX)
    try:
        verify_bundle(text, data, trust, now=now)
        event_of(data)
        proof = parse_proof(text)
    except (BadProof, BadNote, LogDamaged) as error:
        raise NotImported(f"{path} does not verify: {error.message}", next_step=_ASK) from error
    return iter([ForeignEntry(data, proof, _nothing)])


def _exported(folder: Path, log: ExportedLog) -> Iterator[ForeignEntry]:
    note = log.newest_note() or ""

    def cited(name: str) -> bytes | None:
        data = ExportedFiles(folder).read(cited_path(name), CITED_BYTES_MAX, name)
        return data if data is not None and digest(data) == name else None

    for index, data in log.entries(0, log.size):
        yield ForeignEntry(
            data, TlogProof(index, inclusion_proof(log, index, log.size), note), cited
        )


def _archived(volumes: list[Volume]) -> Iterator[ForeignEntry]:
    for volume in volumes:
        first, end = volume.manifest.first, volume.manifest.end
        for index, data in volume.entries(first, end):
            yield ForeignEntry(data, volume.proof(index), volume.cited_bytes)


def _expect_clean(seen: Verification, path: Path) -> None:
    if not seen.clean:
        fault = seen.faults[0]
        raise NotImported(f"{path} does not verify: {fault.place} {fault.what}.", next_step=_ASK)


def _expect_events(entries: Iterable[tuple[int, bytes]], path: Path) -> None:
    for index, data in entries:
        try:
            event_of(data)
        except LogDamaged as error:
            raise NotImported(
                f"Entry {index} of {path} is signed, but is no event of assay.", next_step=_ASK
            ) from error


_ASK = "Nothing was imported. Check the key, then ask the other machine for the bundle again."


def _nothing(_: str) -> None:
    """A proof brings one entry, and nothing of what it cites."""


def _bytes(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(bytes_max + 1)
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read ({error.strerror}).", next_step="Check the path."
        ) from error
    if len(data) > bytes_max:
        raise UnreadableFile(
            f"{path} is longer than {bytes_max} bytes.", next_step="Is it the right file?"
        )
    return data
