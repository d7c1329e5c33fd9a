"""The pages of the documentation, their fenced blocks, and how a console block is run.

The first word after the fence is the language; the second says what the tests do with the block:

    ```console            every `$ command` is run by bash, its output compared with the lines below
    ```console long       as above, with the demo, by the long tests
    ```console shown      only shown; its commands must exist
    ```python             run as a program; a block ```text output after it is what it prints
    ```python NAME.py     written to a file, as any block that names a file

Expected output: `…` on a line of its own stands for any lines, at the end of a line for any rest.
Numbers may be others, spaces may be more or fewer, empty lines do not count.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")],
    key=lambda page: str(page.relative_to(ROOT)),
)
_FENCE = re.compile(r"^```(?P<kind>\w*) ?(?P<what>[\w./-]*)\n(?P<text>.*?)^```$", re.M | re.S)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ANY = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block, and the number of its first line."""

    kind: str
    what: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A command of a console block and what the page says it prints."""

    command: str
    expected: tuple[str, ...]
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Block(m["kind"], m["what"], m["text"], text.count("\n", 0, m.start()) + 2)
        for m in _FENCE.finditer(text)
    ]


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    command, line, expected = "", 0, list[str]()
    for number, text in enumerate(block.text.splitlines(), block.line):
        if text.startswith("$ "):
            if command:
                yield Command(command, tuple(expected), line)
            command, line, expected = text[2:], number, []
        else:
            expected.append(text)
    if command:
        yield Command(command, tuple(expected), line)


def run_page(page: Path, folder: Path, cache: Path | None, *, what: str = "") -> list[str]:
    """Carry out the blocks of a page in a folder; every difference, in words."""
    differences: list[str] = []
    printed = ""
    for block in blocks(page):
        place = f"{page.relative_to(ROOT)}, line {block.line}"
        if block.what and block.what not in ("long", "shown", "output"):
            (folder / block.what).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.what).write_text(block.text, "utf-8")
        elif block.kind == "console" and block.what == what:
            for command in commands(block):
                differences += _differences(page, command, folder, cache)
        elif block.kind == "python" and block.what == what == "":
            done = _carry_out([sys.executable, "-c", block.text], folder, cache)
            printed = done.stdout
            differences += [f"{place}: {done.stdout}"] if done.returncode else []
        elif block.kind == "text" and block.what == "output" and what == "":
            differences += [f"{place}: {w}" for w in missing(block.text.splitlines(), printed)]
    return differences


def _differences(page: Path, command: Command, folder: Path, cache: Path | None) -> list[str]:
    place = f"{page.relative_to(ROOT)}, line {command.line}: {command.command}"
    line = f"umask 022; {_STAND_INS.get(command.command, command.command)}"
    done = _carry_out(["bash", "-c", line], folder, cache)
    if done.returncode:
        return [f"{place}: exit status {done.returncode}\n{done.stdout}"]
    return [
        f"{place}: {what}\n{done.stdout}"
        for what in missing([*command.expected] or [_ANY], done.stdout)
    ]


_STAND_INS = {"make demo": "assay demo assay-demo"}
"""`make demo` is this in the environment that the tests run in; `test_readme.py` compares them."""


def _carry_out(
    arguments: Sequence[str], folder: Path, cache: Path | None
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ASSAY_", "PYTHON"))}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"
    if cache is not None:
        environment["PYTHONPYCACHEPREFIX"] = str(cache)
    environment["PYTHONUTF8"] = "1"
    return subprocess.run(
        arguments,
        cwd=folder,
        env=environment,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def missing(expected: Sequence[str], printed: str) -> list[str]:
    """The first expected line that the output does not have where it should; nothing if all fit."""
    lines = [normal for line in printed.splitlines() if (normal := _normal(line))]
    at, anywhere = 0, False
    for line in expected:
        wanted = _normal(line)
        if not wanted:
            continue
        if wanted == _ANY:
            anywhere = True
            continue
        places = range(at, len(lines)) if anywhere else range(at, min(at + 1, len(lines)))
        found = next((place for place in places if _fits(wanted, lines[place])), None)
        if found is None:
            return [f"not printed where it should be: {line!r}"]
        at, anywhere = found + 1, False
    return [] if anywhere or at == len(lines) else [f"printed but not shown: {lines[at]!r}"]


def _fits(wanted: str, line: str) -> bool:
    if wanted.endswith(f" {_ANY}"):
        return line.startswith(wanted.removesuffix(_ANY).rstrip())
    return line == wanted


def _normal(line: str) -> str:
    return " ".join(re.sub("─+", "─", _NUMBER.sub("#", line)).split())
