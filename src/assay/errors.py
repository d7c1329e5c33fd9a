"""Every error that assay raises on purpose.

    AssayError
    ├── BadInput                 exit 2: wrong arguments or input
    │   ├── SettingsError        assay.toml cannot be read or says something that cannot be
    │   ├── UnreadableFile       a file is missing, may not be read, or is not what its name says
    │   ├── UnknownFormat        no member of a room reads this kind of file
    │   ├── EmptyDataset         nothing to look at
    │   ├── UnsafeFile           opening it could run its code
    │   ├── BadEvent             an event that no log entry can hold
    │   │   ├── EntryTooLarge    more than 65,535 bytes
    │   │   ├── UnknownEventType nobody registered the type
    │   │   ├── NaiveInstant     an instant without a zone
    │   │   └── NotUnicode       text with half a surrogate pair
    │   ├── BadTrust             a verifier's policy is malformed or can never be met
    │   ├── BadSearch            the words of a text search are not understood
    │   ├── WeightsDoNotFit      weights and network have different shapes or names
    │   └── BadTestData          labels, shapes or values do not fit the model, or are not finite
    └── CouldNotFinish           exit 3: right input, but the work could not be done
        ├── MissingExtra         an optional library is not installed
        ├── NotWritable          a folder or file cannot be written
        ├── DiskFull             no space is left; nothing half-written stays
        ├── Interrupted          somebody pressed Ctrl-C; what is done is kept
        ├── StoreError           the records cannot be opened or migrated
        ├── CryptoError          a key cannot be used, or something sealed cannot be opened
        │   ├── KeyMissing       there is no such key here, and none is known to have been
        │   ├── KeyDestroyed     the key was destroyed on purpose; what it sealed stays unreadable
        │   ├── WrongKey         another key sealed or wrapped it
        │   ├── Tampered         what was sealed was changed, or belongs to another place
        │   ├── Truncated        what was sealed is cut short
        │   ├── UnsupportedSuite it names a version or algorithm that is not allowed here
        │   └── KeyStoreError    the file of keys cannot be used
        └── LogError             the audit log cannot be used
            ├── LogBusy          another process is the writer
            ├── LogUnreachable   its database server cannot be reached, or the connection was lost
            ├── LogFull          too many events wait to be written
            ├── LogDamaged       what is stored does not verify
            ├── BadNote          a signed note is malformed or its signature is wrong
            │   ├── NotTrusted   it is well signed, but not by all whom the verifier's policy asks for
            │   └── SplitView    two promises of one log contradict each other; it carries both
            ├── TooFewWitnesses  fewer witnesses cosigned than the log requires
            ├── BadProof         a proof is malformed, or does not prove its entry
            ├── NotAnExport      a folder is not an export of this log, or is ahead of it
            ├── NotAnArchive     a folder is not an archive of this log
            └── NotImported      another log's entries do not verify and are not taken in

A message says what happened and with what; `next_step` says what to do about it. Neither ever holds
personal data or a key.
"""

from __future__ import annotations


class AssayError(Exception):
    """The root of the tree. `exit_code` is what the command line returns."""

    exit_code = 3

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class BadInput(AssayError):
    """Wrong arguments or input."""

    exit_code = 2


class SettingsError(BadInput):
    """assay.toml cannot be read, or says something that cannot be."""


class UnreadableFile(BadInput):
    """A file is missing, may not be read, or is not what its name says."""


class UnknownFormat(BadInput):
    """No member of a room reads this kind of file."""


class EmptyDataset(BadInput):
    """There is nothing to look at."""


class UnsafeFile(BadInput):
    """Opening the file could run code that is in it."""


class BadEvent(BadInput):
    """An event that no log entry can hold."""


class EntryTooLarge(BadEvent):
    """The entry would be longer than 65,535 bytes."""


class UnknownEventType(BadEvent):
    """Nobody registered this type of event."""


class NaiveInstant(BadEvent):
    """An instant without a zone says nothing."""


class NotUnicode(BadEvent):
    """Text that is not Unicode, such as bytes that were not UTF-8."""


class BadTrust(BadInput):
    """The policy of a verifier is malformed, or can never be met."""


class BadSearch(BadInput):
    """The words of a text search are not understood."""


class WeightsDoNotFit(BadInput):
    """Weights and network have different names or shapes."""


class BadTestData(BadInput):
    """Labels, shapes or values do not fit the model, or are not finite."""


class CouldNotFinish(AssayError):
    """The input was right, but the work could not be done."""


class MissingExtra(CouldNotFinish):
    """An optional library is not installed."""

    def __init__(self, what: str, *, extra: str, library: str) -> None:
        super().__init__(
            f"{what} needs the library {library}, which is not installed.",
            next_step=f"Install it with: pip install 'assay[{extra}]'",
        )
        self.extra = extra


class NotWritable(CouldNotFinish):
    """A folder or file cannot be written."""


class DiskFull(CouldNotFinish):
    """No space is left on the device; nothing half-written stays."""


class Interrupted(CouldNotFinish):
    """Somebody pressed Ctrl-C; what was done by then is kept."""


class StoreError(CouldNotFinish):
    """The records cannot be opened or migrated."""


class CryptoError(CouldNotFinish):
    """A key cannot be used, or something sealed cannot be opened."""


class KeyMissing(CryptoError):
    """There is no such key here, and none is known to have been."""


class KeyDestroyed(CryptoError):
    """The key was destroyed on purpose; what it sealed stays unreadable."""


class WrongKey(CryptoError):
    """Another key sealed or wrapped it."""


class Tampered(CryptoError):
    """What was sealed was changed, or belongs to another place."""


class Truncated(CryptoError):
    """What was sealed is cut short."""


class UnsupportedSuite(CryptoError):
    """It names a version or an algorithm that is not allowed here."""


class KeyStoreError(CryptoError):
    """The file of keys cannot be used."""


class LogError(CouldNotFinish):
    """The audit log cannot be used."""


class LogBusy(LogError):
    """Another process is the writer of this log."""


class LogUnreachable(LogError):
    """The log's database server cannot be reached, or the connection to it was lost."""


class LogFull(LogError):
    """Too many events wait to be written."""


class LogDamaged(LogError):
    """What is stored does not verify."""


class BadNote(LogError):
    """A signed note is malformed, or its signature is wrong."""


class NotTrusted(BadNote):
    """A note is well signed, but not by everyone whom the verifier's policy asks for."""


class SplitView(BadNote):
    """Two promises of one log contradict each other, or nobody showed that they agree.

    `first` and `second` are the signed notes: with them anybody can check it.
    """

    def __init__(self, message: str, *, first: str, second: str, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.first = first
        self.second = second


class TooFewWitnesses(LogError):
    """Fewer witnesses cosigned a checkpoint than the log requires."""


class BadProof(LogError):
    """A proof is malformed, or does not prove its entry."""


class NotAnExport(LogError):
    """A folder is not an export of this log, or is ahead of it."""


class NotAnArchive(LogError):
    """A folder is not an archive of this log, or what describes it is malformed."""


class NotImported(LogError):
    """Entries of another log do not verify, so they are not taken in."""
