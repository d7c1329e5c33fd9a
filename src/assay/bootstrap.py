"""Settings to running parts, closed in reverse order.

The workspace folder (`.assay/` beside assay.toml, mode 0700) holds:

    log.sqlite log.checkpoint log.lock   the audit log, its published checkpoint, its writer's lock
    log.vkey                             the log's verifier key: public, give it to whoever verifies
    records.sqlite                       the records, unless [store] names another database
    keys/log.key keys/pseudonym.key      secrets, mode 0600; without log.key nothing can be appended
"""

from __future__ import annotations

import fcntl
import getpass
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from assay import plugins
from assay._toml_places import nearest
from assay.atomic import make_folder, write_atomically
from assay.audit_log.log import DATABASE, PUBLISHED_CHECKPOINT, AuditLog, SqliteLogReader
from assay.audit_log.notes import VerifierKey, parse_verifier_key
from assay.crypto.pseudonym import pseudonym
from assay.crypto.signing import SigningKey, secret_from_file
from assay.errors import BadInput, LogDamaged, LogError, SettingsError
from assay.law.applicability import check_facts
from assay.law.catalogues import catalogue
from assay.parts import Clock, Parts
from assay.settings import Settings

VERIFIER_FILE = "log.vkey"
LOCK, RECORDS = "log.lock", "records.sqlite"
_LOG_KEY, _PSEUDONYM_KEY = "keys/log.key", "keys/pseudonym.key"


def utc_now() -> datetime:
    """The clock of everyday use."""
    return datetime.now(UTC)


@contextmanager
def open_parts(
    settings: Settings, *, clock: Clock = utc_now, executor: str = "local"
) -> Iterator[Parts]:
    """The running parts of a workspace; a new workspace is begun.

    Raises:
        LogBusy: another process works in this workspace.
        SettingsError: a declared fact is not one, or cannot be what it is.
        BadInput: there is no such executor.
        AssayError: a part cannot be opened.
    """
    from assay.stores.records import open_store

    _expect_known_facts(settings)
    chosen = next((m for m in plugins.members("executors") if m.name == executor), None)
    if chosen is None:
        raise BadInput(f"There is no executor {executor!r}.", next_step="`assay plugins` has them.")
    with ExitStack() as stack:
        log = stack.enter_context(open_log_for_writing(settings))
        with _whole_or_not(settings.workspace_folder / RECORDS):
            store = open_store(settings.store_url)
        stack.callback(store.close)
        pool = stack.enter_context(chosen.use().open(os.cpu_count() or 1))
        yield Parts(settings, log, store, pool, clock, actor_of(settings))


def open_log_for_writing(settings: Settings) -> AuditLog:
    """The workspace's log; a new workspace gets its keys and an empty log.

    Raises:
        LogBusy, LogDamaged, NotWritable, DiskFull, UnreadableFile
    """
    folder = settings.workspace_folder
    make_folder(folder)
    make_folder(folder / "keys")
    vkey, fresh = folder / VERIFIER_FILE, not (folder / DATABASE).exists()
    if fresh and (folder / PUBLISHED_CHECKPOINT).exists():
        raise LogDamaged(
            f"{folder} held a log, as {PUBLISHED_CHECKPOINT} says, but {DATABASE} is gone.",
            next_step="Restore it from your copy, or move the folder away to begin a new log.",
        )
    key = SigningKey(secret_from_file(folder / _LOG_KEY, create=fresh))
    secret_from_file(folder / _PSEUDONYM_KEY, create=fresh)
    if fresh and not vkey.exists():
        verifier = VerifierKey(f"assay.local/log/{secrets.token_hex(8)}", key.public_bytes)
        write_atomically(vkey, f"{verifier}\n".encode(), mode=0o640)
    verifier = read_verifier_key(settings)
    if verifier.public_bytes != key.public_bytes:
        raise LogDamaged(
            f"{vkey} is not the public half of the log's signing key.",
            next_step="Restore both from your copy; do not append until they agree.",
        )
    try:
        return AuditLog(folder, key, verifier.name)
    except BaseException:
        if fresh:
            _remove_unbegun_log(folder)
        raise


def open_log_for_reading(settings: Settings) -> SqliteLogReader:
    """The workspace's log, which must be there.

    Raises:
        LogError
    """
    return SqliteLogReader(settings.workspace_folder, read_verifier_key(settings))


def read_verifier_key(settings: Settings) -> VerifierKey:
    """The public key that the workspace's log is verified with.

    Raises:
        LogDamaged: there is a log and this key is missing.
        LogError: there is no log, or the key is malformed.
    """
    path = settings.workspace_folder / VERIFIER_FILE
    try:
        return parse_verifier_key(path.read_text("utf-8", "replace"))
    except FileNotFoundError as error:
        if (path.parent / DATABASE).exists():
            raise LogDamaged(
                f"There is a log in {path.parent}, but not the key that verifies it, {path.name}.",
                next_step="Restore it from your copy, or give it with `assay log verify --key`.",
            ) from error
        raise LogError(
            f"There is no log in {path.parent}.", next_step="`assay assess` begins one."
        ) from error
    except OSError as error:
        raise LogError(
            f"{path} cannot be read ({error.strerror}).", next_step="Check its owner and mode."
        ) from error


def actor_of(settings: Settings) -> str:
    """The account that runs this, as a pseudonym that only the workspace's key leads back from."""
    key = secret_from_file(settings.workspace_folder / _PSEUDONYM_KEY, create=False)
    return pseudonym(key, "actor", _account())


def _remove_unbegun_log(folder: Path) -> None:
    """Remove a log that could not be begun; one that anybody has begun meanwhile stays.

    An append publishes its checkpoint before it returns, so that a log without one holds nothing
    that was acknowledged. The writer's lock is held for as long as this takes.
    """
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        if not (folder / PUBLISHED_CHECKPOINT).exists():
            _remove_database(folder / DATABASE)


@contextmanager
def _whole_or_not(database: Path) -> Iterator[None]:
    """Remove a database that is made in here when making it fails, with a full disk for instance."""
    there = database.exists()
    try:
        yield
    except BaseException:
        if not there:
            _remove_database(database)
        raise


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _account() -> str:
    """The name of the account, or its number where it has no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())


def _expect_known_facts(settings: Settings) -> None:
    """Refuse a misspelt fact, which would silently leave a law out."""
    known = [row["id"] for row in catalogue("applicability_facts")["facts"]]
    for name, value in settings.facts_by_id().items():
        try:
            check_facts({name: value})
        except SettingsError as error:
            guess = nearest(name, known) if name not in known else None
            what = error.message.removeprefix("assay.toml: ")
            raise SettingsError(
                f"{settings.place('facts', *name.split('.'))}: {what}",
                next_step=f"Did you mean {guess!r}?" if guess else error.next_step,
            ) from error
