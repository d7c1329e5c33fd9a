"""Settings to running parts, closed in reverse order.

The workspace folder (`.assay/` beside assay.toml, mode 0700) holds:

    log.sqlite log-index.sqlite          the audit log, and its index, which can be made again
    log-text.sqlite log-text.lock        its full-text index, made on first use
    log.checkpoint log.lock              its published checkpoint, its writer's lock
    log.vkey                             the log's verifier keys: public, give them to who verifies
    records.sqlite                       the records, unless [store] names another database
    keys/log.key keys/log-ml-dsa-44.key  secrets, mode 0600, which sign the log's checkpoints
    keys/pseudonym.key                   a secret, mode 0600, behind the pseudonyms of actors
    subject-keys.sqlite keys/subjects.key    the keys of subjects, and the one that wraps them
"""

from __future__ import annotations

import fcntl
import getpass
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from assay import plugins
from assay._toml_places import nearest
from assay.atomic import make_folder, write_atomically
from assay.audit_log.backends.sqlite_files import DATABASE, PUBLISHED_CHECKPOINT
from assay.audit_log.emitting.delivery import deliver
from assay.audit_log.heartbeat import heartbeat
from assay.audit_log.interface import LogReader
from assay.audit_log.log import AuditLog
from assay.audit_log.notes import KeyType, VerifierKey, cosigner_key, parse_verifier_key
from assay.audit_log.opening import LogPlace, open_log, open_reader
from assay.audit_log.signer import Cosigners, LogSigner, no_cosigners
from assay.audit_log.trust import Trust
from assay.crypto.key_encryption import key_from_environment, key_from_file
from assay.crypto.pseudonym import pseudonym
from assay.crypto.signing import MlDsa44Key, SigningKey, secret_from_file
from assay.crypto.subject_keys import SubjectKeys
from assay.errors import BadInput, BadNote, LogDamaged, LogError, SettingsError
from assay.law.applicability import check_facts
from assay.law.catalogues import catalogue
from assay.parts import Clock, Parts
from assay.settings import Settings
from assay.vocabulary import Target, TargetKind

VERIFIER_FILE = "log.vkey"
LOCK, RECORDS = "log.lock", "records.sqlite"
_LOG_KEY, _PSEUDONYM_KEY = "keys/log.key", "keys/pseudonym.key"
_SECOND_KEY, _SUBJECTS_KEY = "keys/log-ml-dsa-44.key", "keys/subjects.key"
SUBJECT_KEY_VARIABLE = "ASSAY_SUBJECT_KEY"


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
        deliver(store, log)
        stack.callback(deliver, store, log)
        pool = stack.enter_context(chosen.use().open(os.cpu_count() or 1))
        yield Parts(settings, log, store, pool, clock, read_trust(settings), actor_of(settings))


def open_log_for_writing(settings: Settings) -> AuditLog:
    """The workspace's log; a new workspace gets its keys and an empty log.

    Raises:
        LogBusy, LogDamaged, NotWritable, DiskFull, UnreadableFile
    """
    folder = settings.workspace_folder
    make_folder(folder)
    make_folder(folder / "keys")
    vkey, place = folder / VERIFIER_FILE, log_place(settings)
    fresh = not (vkey.exists() if place.url else place.begun)
    if fresh and not place.url and (folder / PUBLISHED_CHECKPOINT).exists():
        raise LogDamaged(
            f"{folder} held a log, as {PUBLISHED_CHECKPOINT} says, but {DATABASE} is gone.",
            next_step="Restore it from your copy, or move the folder away to begin a new log.",
        )
    key = SigningKey(secret_from_file(folder / _LOG_KEY, create=fresh))
    beside = MlDsa44Key(secret_from_file(folder / _SECOND_KEY, create=fresh))
    secret_from_file(folder / _PSEUDONYM_KEY, create=fresh)
    if fresh and not vkey.exists():
        origin = f"assay.local/log/{secrets.token_hex(8)}"
        keys = VerifierKey(origin, key.public_bytes), cosigner_key(origin, beside)
        write_atomically(vkey, "".join(f"{one}\n" for one in keys).encode(), mode=0o640)
    trusted = read_verifier_keys(settings)
    own = VerifierKey(trusted[0].name, key.public_bytes), cosigner_key(trusted[0].name, beside)
    if trusted != own:
        raise LogDamaged(
            f"{vkey} does not hold the public halves of the log's signing keys.",
            next_step="Restore all of them from your copy; do not append until they agree.",
        )
    try:
        return open_log(
            place,
            LogSigner(own[0].name, key, beside, _cosigners(settings, own)),
            heartbeat=partial(heartbeat, actor=actor_of(settings), target=_system(settings)),
            heartbeat_every=_heartbeat_every(settings),
        )
    except BaseException:
        if fresh and not place.url:
            _remove_unbegun_log(folder)
        raise


def open_subject_keys(settings: Settings) -> SubjectKeys:
    """The keys that personal fields of events are sealed under, one for each subject.

    They are wrapped under the key in ASSAY_SUBJECT_KEY (64 hexadecimal digits), or else under that in
    `keys/subjects.key`, which is made when there is none.

    Raises:
        WrongKey: the keys that are there were wrapped under another one.
        KeyStoreError, UnreadableFile, NotWritable, DiskFull
    """
    folder = settings.workspace_folder
    make_folder(folder / "keys")
    if os.environ.get(SUBJECT_KEY_VARIABLE):
        wrapper = key_from_environment(SUBJECT_KEY_VARIABLE)
    else:
        wrapper = key_from_file(folder / _SUBJECTS_KEY, create=True)
    return SubjectKeys(folder / "subject-keys.sqlite", wrapper, clock=utc_now)


def log_place(settings: Settings) -> LogPlace:
    """Where the workspace's log lives."""
    return LogPlace(settings.workspace_folder, settings.log_url)


def open_log_for_reading(settings: Settings) -> LogReader:
    """The workspace's log, which must be there.

    Raises:
        LogError
    """
    return open_reader(log_place(settings), read_verifier_key(settings))


def read_verifier_key(settings: Settings) -> VerifierKey:
    """The public Ed25519 key that the workspace's log is verified with.

    Raises:
        LogDamaged: there is a log and this key is missing.
        LogError: there is no log, or the key is malformed.
    """
    return read_verifier_keys(settings)[0]


def read_trust(settings: Settings) -> Trust:
    """The log's public keys, its witnesses and how many must cosign, as a policy.

    Raises:
        LogDamaged, LogError: as `read_verifier_key`.
        SettingsError: a witness's key is none.
    """
    return _trust(settings, read_verifier_keys(settings))


def read_verifier_keys(settings: Settings) -> tuple[VerifierKey, ...]:
    """The public keys of the workspace's log, the Ed25519 key first.

    Raises:
        LogDamaged: there is a log and its keys are missing.
        LogError: there is no log, or a key is malformed.
    """
    path = settings.workspace_folder / VERIFIER_FILE
    try:
        keys = parse_verifier_keys(path.read_text("utf-8", "replace"))
    except FileNotFoundError as error:
        if log_place(settings).begun:
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
    return keys


def parse_verifier_keys(text: str) -> tuple[VerifierKey, ...]:
    """The keys in the text of a key file, one a line, the Ed25519 key first.

    Raises:
        BadNote: a line is no key, or the first is not an Ed25519 key.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    keys = tuple(parse_verifier_key(line) for line in lines or [""])
    if keys[0].type is not KeyType.ED25519:
        raise BadNote("The first verifier key is not an Ed25519 key.")
    return keys


def actor_of(settings: Settings) -> str:
    """The account that runs this, as a pseudonym that only the workspace's key leads back from."""
    key = secret_from_file(settings.workspace_folder / _PSEUDONYM_KEY, create=False)
    return pseudonym(key, "actor", _account())


def _trust(settings: Settings, log_keys: tuple[VerifierKey, ...]) -> Trust:
    witnesses = []
    for name, witness in settings.log.witnesses.items():
        try:
            witnesses += [parse_verifier_key(text) for text in witness.key.split()]
        except BadNote as error:
            raise SettingsError(
                f"{settings.place('log', 'witnesses', name, 'key')}: {error.message}",
                next_step="Write the key that `assay log witness --init` printed there.",
            ) from error
    return Trust(log_keys, tuple(witnesses), settings.log.quorum)


def _cosigners(settings: Settings, log_keys: tuple[VerifierKey, ...]) -> Cosigners:
    urls = [witness.url for witness in settings.log.witnesses.values()]
    if not urls:
        return no_cosigners
    from assay.audit_log.witness.client import Witnesses

    place, own = log_place(settings), log_keys[0]
    return Witnesses(urls, _trust(settings, log_keys), lambda: open_reader(place, own))


def _heartbeat_every(settings: Settings) -> timedelta | None:
    seconds = settings.log.heartbeat_seconds
    return None if seconds is None else timedelta(seconds=seconds)


def _system(settings: Settings) -> Target:
    return Target(TargetKind.SYSTEM, settings.organisation.name)


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
