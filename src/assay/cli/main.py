"""The command line: `assay COMMAND`.

Exit status: 0 done; 1 done, and a `--fail-on` condition is met or a verification is not clean; 2
wrong arguments or input; 3 could not finish. An error is one message on standard error that says
what happened, with what, and what to do next; `ASSAY_DEBUG=1` adds the traceback.
"""

from __future__ import annotations

import io
import os
import sys
import traceback

import click

from assay.cli._lazy import EndedPython, LazyGroup, NobodyReads

COMMANDS = {
    "demo": ("assay.cli.demo:demo", "The whole job on real inputs that assay brings along."),
    "init": ("assay.cli.init:init", "Look at a folder and propose an assay.toml for it."),
    "assess": ("assay.cli.assess:assess", "Classify, attack, inspect, judge and report."),
    "data": ("assay.cli.data:data", "Look into data: classify."),
    "model": ("assay.cli.model:model", "Look into models: attack, robustness."),
    "check": ("assay.cli.check:check", "List and run the compliance checks."),
    "threats": ("assay.cli.report:threats", "The threats to each model, as last measured."),
    "report": ("assay.cli.report:report", "Write a report of the newest assessment again."),
    "log": ("assay.cli.log:log", "The audit log: append, query, verify."),
    "store": ("assay.cli.store:store", "The records: migrate."),
    "plugins": ("assay.cli.plugins:plugins", "Every member of every room, and why one is missing."),
    "doctor": ("assay.cli.doctor:doctor", "What is wrong with the installation and the workspace."),
}

_AFTER_STOP = "`assay log query` shows what was kept before; whatever was not finished is not kept."

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=LazyGroup, table=COMMANDS, context_settings=_CONTEXT)
@click.version_option(package_name="assay", message="assay %(version)s")
def cli() -> None:
    """Security and compliance for machine learning, by measurement.

    Start with `assay demo`, or `assay init` in your own project.
    """


def run() -> None:
    """The entry point: carries out a command and exits with its status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal cannot show is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Carry out a command; its exit status. Errors become one message on standard error."""
    from assay.errors import AssayError

    try:
        status = cli.main(arguments, prog_name="assay", standalone_mode=False)
    except click.exceptions.Abort:
        return _failed("Stopped.", _AFTER_STOP, 3)
    except click.ClickException as error:
        return _wrong_use(error)
    except AssayError as error:
        return _failed(error.message, error.next_step, error.exit_code)
    except KeyboardInterrupt:
        return _failed("Stopped.", _AFTER_STOP, 3)
    except (NobodyReads, SystemExit):  # click exits like this when help finds no reader
        return _nobody_reads()
    except OSError as error:
        return _os_error(error)
    except EndedPython:
        what = "The code of a model or of its test data ended Python, with sys.exit for instance."
        return _failed(what, "Take that out of what runs when it is imported or called.", 2)
    except MemoryError:
        return _failed("There is not enough memory for this.", "Use a machine with more.", 3)
    except Exception as error:  # noqa: BLE001 - a user gets a sentence, not a traceback
        what = f"assay itself failed ({type(error).__name__}): this is a bug."
        return _failed(what, "ASSAY_DEBUG=1 shows where; please report it.", 3)
    return status if isinstance(status, int) else 0


def _wrong_use(error: click.ClickException) -> int:
    """What click says of it, which repeats arguments: file names of strangers, for instance."""
    from assay.cli._shared import printable

    said = io.StringIO()
    error.show(file=said)
    click.echo(printable(said.getvalue()), err=True, nl=False)
    return 2


def _nobody_reads() -> int:
    """Whoever read our output has gone, as `head` does: say nothing, but do not claim success."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
    return 3


def _os_error(error: OSError) -> int:
    """A file's refusal that nobody below gave a name."""
    from pathlib import Path

    from assay.atomic import write_error
    from assay.errors import DiskFull

    file = str(error.filename or "a file")
    named = write_error(Path(file), error)
    if isinstance(named, DiskFull):
        return _failed(named.message, named.next_step, named.exit_code)
    reason = error.strerror or type(error).__name__
    return _failed(f"{file} cannot be used ({reason}).", "Check its path, owner and mode.", 3)


def _failed(message: str, next_step: str, status: int) -> int:
    if os.environ.get("ASSAY_DEBUG"):
        traceback.print_exc()
    from assay.cli._shared import say

    say(f"Error: {message}", err=True)
    if next_step:
        say(f"  {next_step}", err=True)
    return status
