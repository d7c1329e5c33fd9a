"""A click group that imports a command only when it is called.

The table holds a line of help for each command, so that `assay --help` imports none of them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def _caller(ctx: click.Context) -> Iterator[None]:
    """Says, around the outermost group, who calls: this program, from where a remote login came."""
    if ctx.parent is not None:
        yield
        return
    from assay.audit_log.caller import client
    from assay.versions import versions

    remote = os.environ.get("SSH_CONNECTION", "").split()
    with client(address=remote[0] if remote else None, agent=f"assay/{versions()['assay']}"):
        yield


class NobodyReads(Exception):
    """Whoever read our output has gone."""


class EndedPython(Exception):
    """Code that is not ours called sys.exit."""


class LazyGroup(click.Group):
    """A group whose commands are `name: (module:attribute, help)`."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the table's order."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in self._table:
            return None
        module, _, attribute = self._table[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but what click would turn into an exit of its own has a name."""
        try:
            with _caller(ctx):
                return super().invoke(ctx)
        except BrokenPipeError as error:
            raise NobodyReads from error
        except SystemExit as error:
            raise EndedPython from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command named when there is none."""
        if args and args[0] not in self._table and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], self._table, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table as help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in self._table.items()])
