"""Every error that assay raises on purpose.

    AssayError
    ├── BadInput                 exit 2: wrong arguments or input
    │   ├── SettingsError        assay.toml cannot be read or says something that cannot be
    │   ├── UnreadableFile       a file is missing, may not be read, or is not what its name says
    │   ├── UnknownFormat        no member of a room reads this kind of file
    │   ├── EmptyDataset         nothing to look at
    │   ├── UnsafeFile           opening it could run its code
    │   ├── WeightsDoNotFit      weights and network have different shapes or names
    │   └── BadTestData          labels, shapes or values do not fit the model, or are not finite
    └── CouldNotFinish           exit 3: right input, but the work could not be done
        ├── MissingExtra         an optional library is not installed
        ├── NotWritable          a folder or file cannot be written
        ├── DiskFull             no space is left; nothing half-written stays
        ├── Interrupted          somebody pressed Ctrl-C; what is done is kept
        ├── StoreError           the records cannot be opened or migrated
        └── LogError             the audit log cannot be used
            ├── LogBusy          another process is the writer
            ├── LogDamaged       what is stored does not verify
            └── BadNote          a signed note is malformed or its signature is wrong

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


class LogError(CouldNotFinish):
    """The audit log cannot be used."""


class LogBusy(LogError):
    """Another process is the writer of this log."""


class LogDamaged(LogError):
    """What is stored does not verify."""


class BadNote(LogError):
    """A signed note is malformed, or its signature is wrong."""
