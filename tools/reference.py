"""Writes `docs/reference/` from the code, so that it says what the code says.

    python tools/reference.py            write the pages
    python tools/reference.py --check    write nothing; exit 1 if a page is not as it would be written

The same code gives the same bytes: nothing of the machine, the clock or installed plugins of others
enters a page. Every page begins with a line that says where it comes from.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import assay
from assay import plugins, settings
from assay.audit_log.event_types import APPEND, ENTRY_POINTS, own
from assay.cli.main import cli
from assay.compliance.judge import spec_of
from assay.law.catalogues import CheckSpec, check_specs, themes
from assay.vocabulary import Depth

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
_HEAD = (
    "<!-- Written by tools/reference.py from the code. Change the code, then run it again. -->\n"
)
_HELP_WIDTH = 100

_ROOM_WORDS = {
    "sources": "Read tables from files.",
    "detectors": "Each finds one type of sensitive data.",
    "libraries": "Open models.",
    "attacks": "Try to make a model answer wrongly, on purpose.",
    "corruptions": "Change inputs as the world does, without an adversary.",
    "readers": "Look at one part of the world and report observations.",
    "checks": "Judge observations.",
    "frameworks": "Laws and standards, whose controls findings are arranged by.",
    "threats": "Measure the likelihood of a threat of the catalogue.",
    "executors": "Do the work.",
    "reports": "Turn an assessment into bytes.",
}


def main(arguments: list[str] | None = None) -> int:
    """0 when the pages are written, or are fresh; 1 when `--check` finds a stale one."""
    parser = argparse.ArgumentParser(prog="reference", description="Writes docs/reference.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if stale")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    chosen = parser.parse_args(arguments)
    pages = render()
    if chosen.check:
        stale = [name for name, text in pages.items() if _text(chosen.folder / name) != text]
        for name in stale:
            print(f"docs/reference/{name} is stale: run tools/reference.py", file=sys.stderr)
        return 1 if stale else 0
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (chosen.folder / name).write_text(text, encoding="utf-8")
    return 0


def render() -> dict[str, str]:
    """The text of every page, by file name."""
    pages: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {
        "python.md": ("What `import assay` offers", _python),
        "cli.md": ("The command line", _command_line),
        "settings.md": ("assay.toml", _settings),
        "checks.md": ("The checks", _checks),
        "events.md": ("The events of the log", _events),
        "members.md": ("The members of every room", _members),
    }
    found = {name: _page(title, lines()) for name, (title, lines) in pages.items()}
    index = [f"- [{title}]({name})" for name, (title, _) in pages.items()]
    return {"README.md": _page("Reference", iter(["Written from the code.", "", *index])), **found}


def _page(title: str, lines: Iterator[str]) -> str:
    body = "\n".join(line.rstrip() for line in lines)
    return re.sub(r"\n{3,}", "\n\n", f"{_HEAD}\n# {title}\n\n{body}".rstrip()) + "\n"


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


# Python


def _python() -> Iterator[str]:
    yield from _doc(assay.__doc__)
    named = {name: getattr(assay, name) for name in assay.__all__}
    yield from _section("Verbs", {n: v for n, v in named.items() if inspect.isfunction(v)})
    kinds = {n: v for n, v in named.items() if inspect.isclass(v)}
    errors = {n: v for n, v in kinds.items() if issubclass(v, Exception)}
    yield from _section("Values", {n: v for n, v in kinds.items() if n not in errors})
    yield from _section("Errors", errors)
    yield "The whole tree of errors, from `assay.errors`:"
    yield ""
    yield from _fence(_block_of(importlib.import_module("assay.errors").__doc__ or ""))


def _section(title: str, named: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    for name, value in named.items():
        yield f"### assay.{name}"
        yield ""
        if inspect.isfunction(value):
            yield from _fence([_signature(name, value)], "python")
        yield from _doc(value.__doc__)
        yield from _parts(value)


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    whole = _plain(f"{name}{signature}")
    return whole if len(whole) <= 100 else _plain(_broken(name, signature))


def _plain(signature: str) -> str:
    """Without the quotes around annotations, which are texts, and addresses of defaults."""
    plain = re.sub(r"(: |-> )'([^']*)'", r"\1\2", signature)
    plain = re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", plain)
    return plain.replace("PosixPath('.')", "Path()")


def _broken(name: str, signature: inspect.Signature) -> str:
    """A signature with one parameter a line."""
    lines, starred = [], False
    for parameter in signature.parameters.values():
        starred |= parameter.kind is inspect.Parameter.VAR_POSITIONAL
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            lines.append("    *,")
            starred = True
        lines.append(f"    {parameter},")
    return "\n".join([f"{name}(", *lines, f") -> {signature.return_annotation}"])


def _parts(value: Any) -> Iterator[str]:
    """The members of an enumeration, the fields of a value."""
    if isinstance(value, type) and issubclass(value, Enum):
        yield from _table(("Member", "Value"), [(m.name, f"`{m.value}`") for m in value])
    elif isinstance(value, type) and dataclasses.is_dataclass(value):
        words = _attribute_words(value)
        rows = [
            (f"`{field.name}`", f"`{field.type}`", words.get(field.name, ""))
            for field in dataclasses.fields(value)
        ]
        yield from _table(("Field", "Type", "Meaning"), rows)
    elif isinstance(value, type) and issubclass(value, BaseModel):
        yield "Its keys are in [settings.md](settings.md)."
        yield ""


# The command line


def _command_line() -> Iterator[str]:
    yield from _doc(importlib.import_module("assay.cli.main").__doc__)
    for path, command in commands():
        yield f"## {' '.join(path)}"
        yield ""
        yield from _fence(_help(path, command).splitlines(), "text")


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words, groups before what is in them."""
    yield from _commands(("assay",), cli)


def _commands(
    path: tuple[str, ...], command: click.Command
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=" ".join(path))
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _commands((*path, name), inner)


def _help(path: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(
        command,
        info_name=" ".join(path),
        terminal_width=_HELP_WIDTH,
        help_option_names=["-h", "--help"],
    )
    return command.get_help(context)


# assay.toml


def _settings() -> Iterator[str]:
    yield from _doc(settings.__doc__)
    yield "Relative paths start at the folder that `assay.toml` lies in. `NAME` is a name of your own:"
    yield "letters, digits, `.`, `_` and `-`, at most 64."
    yield ""
    yield from _settings_table("", settings.Settings)


def _settings_table(prefix: str, part: type[BaseModel]) -> Iterator[str]:
    yield f"## {f'[{prefix}]' if prefix else 'The whole file'}"
    yield ""
    yield from _doc(part.__doc__)
    words = _attribute_words(part)
    rows: list[tuple[str, ...]] = []
    inner: list[tuple[str, type[BaseModel]]] = []
    for name, field in part.model_fields.items():
        key = field.alias or name
        within = _part_within(field.annotation)
        if within is not None:
            named = ".NAME" if "Mapping" in str(field.annotation) else ""
            place = f"{prefix}.{key}{named}" if prefix else f"{key}{named}"
            inner.append((place, within))
        rows.append((f"`{key}`", _type_words(field), _default(field), words.get(name, "")))
    yield from _table(("Key", "Type", "Default", "Meaning"), rows)
    for place, within in inner:
        yield from _settings_table(place, within)


def _part_within(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_part_within(inner) for inner in getattr(annotation, "__args__", ())]
    return next((part for part in found if part is not None), None)


def _type_words(field: FieldInfo) -> str:
    pattern = next((m.pattern for m in field.metadata if getattr(m, "pattern", None)), None)
    words = _words_of(field.annotation)
    return f"{words} matching `{pattern}`" if pattern else words


def _words_of(annotation: Any) -> str:
    """An annotation of settings in the words of TOML."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words_of(inner[0])
    if _part_within(annotation) is not None:
        return "tables" if origin is Mapping else "table"
    if origin is Mapping:
        return "table of facts"
    if origin is Literal:
        return "one of " + ", ".join(f"`{word}`" for word in inner)
    if origin is tuple:
        one = _words_of(inner[0])
        return f"list of {one}" if inner[-1] is Ellipsis else f"list of {len(inner)} {one}"
    known = [item for item in inner if item is not type(None)]
    return _words_of(known[0]) if known else _TYPES.get(annotation, str(annotation))


_TYPES = {bool: "true or false", date: "date", float: "number", int: "whole number", str: "text"}


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if field.default_factory is not None or value in ((), None, ""):
        return ""
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(_toml(item) for item in value) + "]`"
    return f"`{_toml(value)}`"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


# The checks


def _checks() -> Iterator[str]:
    members = [m for m in plugins.available("checks") if m.origin == "assay"]
    found = sorted(((m, spec_of(m.value)) for m in members), key=lambda pair: pair[1].id)
    specs = check_specs()
    yield f"{len(found)} of the {len(specs)} checks of the crosswalk run. Their pages come first; the"
    yield "table of all of them follows. A control that only the others bear on is NOT ASSESSED."
    yield ""
    for member, spec in found:
        yield from _check(member, spec)
    yield f"## All {len(specs)} checks"
    yield ""
    runs = {spec.id for _, spec in found}
    rows = [
        (
            f"[{s.id}](#{s.id.lower()})" if s.id in runs else s.id,
            themes()[s.theme],
            s.severity.word,
            s.frequency,
            "yes" if s.id in runs else "not yet",
            s.title,
        )
        for s in specs.values()
    ]
    columns = ("Check", "Theme", "Severity", "Frequency", "Runs", "What holds when it passes")
    yield from _table(columns, rows)


def _check(member: plugins.Member, spec: CheckSpec) -> Iterator[str]:
    first, _, rest = inspect.cleandoc(_module_words("checks", member.name)).partition("\n")
    yield f"## {spec.id}"
    yield ""
    yield f"**{first.partition(': ')[2].capitalize()}** File: `{_file_of('checks', member.name)}`."
    yield ""
    yield from rest.strip().splitlines()
    yield ""
    controls = "; ".join(
        f"{framework} {', '.join(ids)}" for framework, ids in spec.controls.items() if ids
    )
    rows = [
        ("Theme", themes()[spec.theme]),
        ("Severity", spec.severity.word),
        ("Frequency", spec.frequency),
        ("Looks at", member.value.looks_at.value),
        ("Judges", ", ".join(f"`{kind}`" for kind in member.value.kinds)),
        ("What is measured", spec.measured),
        ("Pass criterion", spec.pass_criterion),
        ("Unknown when", spec.unknown_when),
        ("Controls it bears on", controls),
    ]
    yield from _table(("", ""), rows)


# Events and members


def _events() -> Iterator[str]:
    yield "An entry of the log is an event ([its bytes](../formats/log.md)). Its type is one of these,"
    yield f"one that an installed package brings (entry points in the group `{ENTRY_POINTS}`), or one"
    yield "that your code registered ([how](../how-to/log-from-your-code.md)). The severity holds unless"
    yield "the emitter says otherwise."
    yield ""
    rows = [
        (f"`{one.name}`", one.severity.word, one.words, ", ".join(f"`{e}`" for e in one.emitters))
        for one in own()
    ]
    yield from _table(("Type", "Severity", "What happened", "Emitted by"), rows)
    yield f"`{APPEND}` takes the type with `--type`. What a command emits, the same verb in Python emits"
    yield "too. `tests/audit_log/test_emitters.py` drives every emitter of this table."
    yield ""


def _members() -> Iterator[str]:
    yield from _doc(plugins.__doc__)
    for room in plugins.ROOMS:
        found = [member for member in plugins.members(room) if member.origin == "assay"]
        yield f"## {room}"
        yield ""
        yield f"{_ROOM_WORDS.get(room, '')} Folder: `{_file_of(room, '').rstrip('/')}`."
        yield ""
        rows = [(f"`{m.name}`", m.summary, f"`{m.extra}`" if m.extra else "") for m in found]
        yield from _table(("Member", "What it is", "Extra"), rows)
        if room == "attacks":
            yield from _attacks(found)
        if room == "corruptions":
            yield from _corruptions(found)


def _attacks(found: Sequence[plugins.Member]) -> Iterator[str]:
    yield "What an assessment runs at each depth, with the most that it asks for one example:"
    yield ""
    rows = []
    for member in found:
        for depth in Depth:
            attack = member.value.at(depth, 0.1)
            if attack is None:
                rows.append((f"`{member.name}`", depth.value, "does not run", "", ""))
                continue
            parameters = {k: v for k, v in attack.parameters.items() if k != "epsilon"}
            said = ", ".join(f"{name} {_short(value)}" for name, value in parameters.items())
            limit = attack.limit
            rows.append(
                (f"`{member.name}`", depth.value, said, str(limit.forwards), str(limit.gradients))
            )
    yield from _table(("Attack", "Depth", "Parameters", "Forwards", "Gradients"), rows)


def _corruptions(found: Sequence[plugins.Member]) -> Iterator[str]:
    yield "Amounts at each depth; the declared one counts towards the worst case:"
    yield ""
    rows = [
        (
            f"`{member.name}`",
            member.value.unit,
            depth.value,
            ", ".join(f"{amount:g}" for amount in member.value.amounts[depth]),
            ", ".join(f"{kind.value} {amount:g}" for kind, amount in _declared(member)),
        )
        for member in found
        for depth in Depth
    ]
    yield from _table(("Corruption", "Unit", "Depth", "Amounts", "Declared"), rows)


def _declared(member: plugins.Member) -> list[tuple[Any, float]]:
    return sorted(member.value.declared.items(), key=lambda pair: str(pair[0].value))


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# Text


def _module_words(room: str, name: str) -> str:
    return importlib.import_module(f"{plugins.ROOMS[room]}.{name}").__doc__ or ""


def _file_of(room: str, name: str) -> str:
    folder = "src/" + plugins.ROOMS[room].replace(".", "/")
    return f"{folder}/{name}.py" if name else f"{folder}/"


def _doc(words: str | None) -> Iterator[str]:
    """A docstring as Markdown: what it raises becomes a list, indented blocks are fenced."""
    prose, _, raised = inspect.cleandoc(words or "").partition("Raises:\n")
    block: list[str] = []
    for line in prose.splitlines():
        if line.startswith("    ") or (block and not line.strip()):
            block.append(line)
            continue
        yield from _fence(_block_of("\n".join(block))) if block else ()
        block = []
        yield line
    yield from _fence(_block_of("\n".join(block))) if block else ()
    yield ""
    if raised:
        yield "Raises:"
        yield ""
        for line in inspect.cleandoc("\n" + raised).splitlines():
            yield f"- {line}" if not line.startswith(" ") else f"  {line.strip()}"
        yield ""


def _block_of(words: str) -> list[str]:
    """The indented lines of a text, without their indent."""
    lines = [line for line in words.splitlines() if line.startswith("    ") or not line.strip()]
    return inspect.cleandoc("\n" + "\n".join(lines)).strip("\n").splitlines()


def _fence(lines: Sequence[str], kind: str = "text") -> Iterator[str]:
    yield f"```{kind}"
    yield from lines
    yield "```"
    yield ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _attribute_words(owner: type) -> dict[str, str]:
    """What the string after each attribute of a class says of it."""
    tree = ast.parse(inspect.getsource(owner))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    words: dict[str, str] = {}
    for before, after in pairwise(body):
        is_string = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and is_string:
            assert isinstance(after, ast.Expr)  # noqa: S101 - as `is_string` says
            assert isinstance(after.value, ast.Constant)  # noqa: S101
            words[before.target.id] = inspect.cleandoc(str(after.value.value))
    return words


if __name__ == "__main__":
    raise SystemExit(main())
