"""Who a witness is: its name, its keys, and the logs that it knows.

In the witness's folder (mode 0700):

    witness.key witness-ml-dsa-44.key   secrets, mode 0600; the second only if it was asked for
    witness.vkey                        the public halves, one a line: give them to whoever verifies
    logs.vkey                           the verifier keys of the logs that it cosigns, one a line
    witness.sqlite                      what it cosigned last (`state.py`)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.atomic import make_folder, write_atomically
from assay.audit_log.notes import KeyType, VerifierKey, cosign, cosigner_key, parse_verifier_key
from assay.audit_log.witness.state import WitnessState
from assay.crypto.signing import MlDsa44Key, SigningKey, secret_from_file
from assay.errors import BadInput, BadNote, LogDamaged, UnreadableFile

VERIFIER_FILE = "witness.vkey"
LOGS_FILE = "logs.vkey"
_KEY, _ML_DSA_KEY = "witness.key", "witness-ml-dsa-44.key"
_PUBLIC_FILE = 0o644
_NAME_BYTES_MAX = 255
"""An ML-DSA-44 cosignature has one byte for the length of a name."""

KnownLogs = Mapping[str, tuple[VerifierKey, ...]]
"""The keys of each log, by its origin."""


@dataclass(frozen=True, slots=True)
class WitnessKeys:
    """A witness's name and secret keys."""

    name: str
    key: SigningKey
    beside: MlDsa44Key | None = None

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public halves."""
        both = (self.key,) if self.beside is None else (self.key, self.beside)
        return tuple(cosigner_key(self.name, key) for key in both)

    def cosign(self, note: str, at: int) -> str:
        """The cosignature lines of a checkpoint that was verified; `at` in seconds since 1970."""
        lines = cosign(note, self.name, self.key, at)
        return lines if self.beside is None else lines + cosign(note, self.name, self.beside, at)


def begin_witness(folder: Path, name: str, *, ml_dsa_44: bool = False) -> WitnessKeys:
    """A new witness in a folder: its keys, and a record that says that it cosigned nothing yet.

    Raises:
        BadInput: a witness is there already, or the name cannot name a key.
        NotWritable, DiskFull
    """
    _check_name(name)
    make_folder(folder)
    if any((folder / file).exists() for file in (VERIFIER_FILE, _KEY)):
        raise BadInput(
            f"There is a witness in {folder} already.",
            next_step="Leave --init out to run it, or name another folder.",
        )
    beside = MlDsa44Key(secret_from_file(folder / _ML_DSA_KEY, create=True)) if ml_dsa_44 else None
    keys = WitnessKeys(name, SigningKey(secret_from_file(folder / _KEY, create=True)), beside)
    WitnessState.begin(folder)
    # Written last: without it there is no witness, only the beginning of one.
    write_atomically(folder / VERIFIER_FILE, _lines(keys.verifiers), mode=_PUBLIC_FILE)
    return keys


def open_keys(folder: Path) -> WitnessKeys:
    """The keys of the witness in a folder.

    Raises:
        UnreadableFile: there is none, or a key is missing.
        LogDamaged: the secret keys are not those of the public ones.
        BadNote: a public key is malformed.
    """
    public = read_keys(folder / VERIFIER_FILE)
    if not public:
        raise LogDamaged(f"{folder / VERIFIER_FILE} holds no key.", next_step="Restore it.")
    with_ml_dsa = any(key.type is KeyType.ML_DSA_44_COSIGNATURE for key in public)
    keys = WitnessKeys(
        public[0].name,
        SigningKey(secret_from_file(folder / _KEY, create=False)),
        MlDsa44Key(secret_from_file(folder / _ML_DSA_KEY, create=False)) if with_ml_dsa else None,
    )
    if set(keys.verifiers) != set(public):
        raise LogDamaged(
            f"{folder / VERIFIER_FILE} does not hold the public halves of the witness's keys.",
            next_step="Restore both from your copy; nothing was cosigned.",
        )
    return keys


def known_logs(folder: Path) -> KnownLogs:
    """The logs that the witness in a folder cosigns.

    Raises:
        UnreadableFile, BadNote
        BadInput: a key cannot be a log's.
    """
    path, logs = folder / LOGS_FILE, dict[str, tuple[VerifierKey, ...]]()
    for key in read_keys(path) if path.exists() else ():
        _check_log_key(key)
        logs[key.name] = (*logs.get(key.name, ()), key)
    return logs


def add_logs(folder: Path, added: Iterable[VerifierKey], witness: str) -> None:
    """Let the witness in a folder cosign these logs too; one that it knows stays as it is.

    Raises:
        BadInput: a key cannot be a log's, is named like the witness, or the log has another key of
            that type here, which only somebody who edits the file replaces.
        NotWritable, DiskFull, UnreadableFile, BadNote
    """
    keys = [key for log in known_logs(folder).values() for key in log]
    for key in added:
        _check_log_key(key)
        if key.name == witness:
            raise BadInput(f"{key.name} is the witness and cannot witness itself.")
        if any(k.name == key.name and k.type is key.type and k != key for k in keys):
            raise BadInput(
                f"Another key of the log {key.name} is known here.",
                next_step=f"If the log really has a new key, replace it in {folder / LOGS_FILE}.",
            )
        if key not in keys:
            keys.append(key)
    write_atomically(folder / LOGS_FILE, _lines(keys), mode=_PUBLIC_FILE)


def read_keys(path: Path) -> tuple[VerifierKey, ...]:
    """The verifier keys in a file, one a line.

    Raises:
        UnreadableFile: it cannot be read.
        BadNote: a line is not a verifier key.
    """
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read ({error.strerror}).",
            next_step="Name the right file or folder; `assay log witness --init` begins a witness.",
        ) from error
    return tuple(parse_verifier_key(line) for line in text.split("\n") if line.strip())


def _check_log_key(key: VerifierKey) -> None:
    if key.type is KeyType.ED25519_COSIGNATURE:
        raise BadInput(
            f"The key named {key.name} is a witness's, not a log's.",
            next_step="Give the log's own key, as `log.vkey` holds it.",
        )
    if len(key.name.encode()) > _NAME_BYTES_MAX:
        raise BadInput(f"A log's name is longer than {_NAME_BYTES_MAX} bytes.")


def _check_name(name: str) -> None:
    """Only a name that signed notes allow comes back from its own text."""
    trial = VerifierKey(name, bytes(32), KeyType.ED25519_COSIGNATURE)
    try:
        good = len(name.encode()) <= _NAME_BYTES_MAX and parse_verifier_key(str(trial)) == trial
    except (BadNote, UnicodeEncodeError):
        good = False
    if not good:
        raise BadInput(
            "That cannot name a witness.",
            next_step="Use a URL without its scheme, like witness.example.com/one: no spaces, no +.",
        )


def _lines(keys: Iterable[VerifierKey]) -> bytes:
    return "".join(f"{key}\n" for key in keys).encode()
