"""What the documentation says is so: its commands run, its output, links, names and paths hold."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from assay.cli.main import cli
from tests.docs.pages import PAGES, ROOT, blocks, commands, missing, run_page

_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:^|[|;(] ?|&& )assay ((?:[a-z-]+)(?: +[^`|;&#]*)?)")
_LABEL = re.compile(r" v\d+$|-v\d+$")
"""How the labels end that keep the uses of a key apart; they begin with `assay` too."""
_TREE_PATH = re.compile(r"(?<![\w./-])(?:src|docs|tests|tools|benchmarks)/[\w./-]*")
_PACKAGE_PATH = re.compile(r"(?<![\w./-])[a-z_]+(?:/[a-z_]+)*/[\w-]+\.(?:py|yaml|html)\b")
_HOSTS = {
    "c2sp.org",
    "csrc.nist.gov",
    "github.com",
    "keepachangelog.com",
    "semver.org",
    "www.rfc-editor.org",
}
_ABSOLUTE = re.compile(r"(?<![\w.~])/(?:work|root|home|mnt|opt|srv|tmp|workspace)\b")


def test_the_readme_runs(tmp_path: Path, cache: Path | None) -> None:
    assert run_page(ROOT / "README.md", tmp_path, cache) == []


def test_the_tutorial_and_the_pages_that_go_on_from_it_run(
    tmp_path: Path, cache: Path | None
) -> None:
    tmp_path.chmod(0o755)
    project = tmp_path / "tutorial" / "project"
    project.mkdir(parents=True)
    assert run_page(ROOT / "docs" / "tutorial" / "own-model.md", project, cache) == []
    for name in ("verify-a-log", "use-in-ci"):
        copy = shutil.copytree(project, tmp_path / name / "project")
        assert run_page(ROOT / "docs" / "how-to" / f"{name}.md", copy, cache) == []


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_the_demo_prints_what_the_readme_shows(tmp_path: Path, cache: Path | None) -> None:
    assert run_page(ROOT / "README.md", tmp_path, cache, what="long") == []


def test_make_demo_is_what_the_tests_run_for_it() -> None:
    assert "$(BIN)/assay demo assay-demo" in (ROOT / "Makefile").read_text("utf-8")


def test_there_are_pages_and_blocks_to_test() -> None:
    assert len(PAGES) > 30
    tutorial = blocks(ROOT / "docs" / "tutorial" / "own-model.md")
    run = [c for block in tutorial if block.kind == "console" for c in commands(block)]
    assert len(run) >= 10


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        (["a 1"], "a 22\n", True),
        (["a"], "a\nb\n", False),
        (["a", "…"], "a\nb\n", True),
        (["…", "b"], "a\nb\n", True),
        (["b"], "a\nb\n", False),
        (["a …"], "a b c\n", True),
        (["…", "c"], "a\nb\n", False),
        (["a", "b"], "a\n", False),
    ],
)
def test_output_is_compared(expected: list[str], printed: str, *, fits: bool) -> None:
    assert (missing(expected, printed) == []) is fits


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [to for to in _links(page) if not _leads_somewhere(page, to)]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_commands_exist(page: Path) -> None:
    wrong = [f"assay {said}: {why}" for said in _said(page) if (why := _why_not(said))]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_paths_exist(page: Path) -> None:
    text = "\n".join(_code(page))
    in_tree = {path.rstrip("./") for path in _TREE_PATH.findall(text)}
    in_package = set(_PACKAGE_PATH.findall(text)) - in_tree
    own = {block.what for block in blocks(page)}
    gone = [path for path in in_tree - own if not (ROOT / path).exists()]
    gone += [
        path
        for path in in_package - own
        if not any((base / path).exists() for base in (ROOT, ROOT / "src/assay", ROOT / "src"))
    ]
    assert sorted(gone) == []


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_nothing_of_the_machine_it_was_written_on_is_in_it(page: Path) -> None:
    text = page.read_text("utf-8")
    hosts = set(re.findall(r"https?://([\w.-]+)", text)) - _HOSTS
    assert (sorted(hosts), _ABSOLUTE.findall(text)) == ([], [])


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.is_file() or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [
            (page.parent / to.partition("#")[0]).resolve() for to in _links(page) if "://" not in to
        ]
    lost = [str(page.relative_to(ROOT)) for page in PAGES if page not in reached]
    assert lost == []


def _links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    return [match["to"] for match in _LINK.finditer(text)]


def _leads_somewhere(page: Path, to: str) -> bool:
    if "://" in to:
        return True
    path, _, anchor = to.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(page: Path) -> Iterator[str]:
    """Everything on a page that is set as code."""
    for block in blocks(page):
        if block.kind not in ("python", "toml", "json"):
            yield from block.text.splitlines()
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    yield from _SPAN.findall(prose)


def _said(page: Path) -> Iterator[str]:
    """The words after `assay` of every command that a page names."""
    for line in _code(page):
        found = _COMMAND.findall(line.removeprefix("$ "))
        yield from (said for said in found if not _LABEL.search(said))


def _why_not(said: str) -> str:
    """Why there is no such command or option; empty if there is."""
    command: click.Command = cli
    options = {"-h", "--help", "--version"}
    for word in said.split():
        name = word.strip(".,:;)'\"")
        if name.startswith("--"):
            if name.partition("=")[0] not in options:
                return f"there is no option {name}"
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z-]+", name):
            inner = command.get_command(click.Context(command), name)
            if inner is None:
                return f"there is no command {name}"
            command = inner
            options |= {option for parameter in command.params for option in parameter.opts}
    return ""
