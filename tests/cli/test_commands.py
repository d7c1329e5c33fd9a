"""What every command promises: JSON alone on standard output, exit statuses, and no heavy imports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workspaces import (
    ASSAY,
    SCORER,
    Outcome,
    Workspace,
    clean_environment,
    command,
    everything_in,
    make_workspace,
)

pytestmark = pytest.mark.xdist_group("commands")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Outcome]:
    """A workspace that was assessed, and what the command said."""
    workspace = make_workspace(tmp_path_factory.mktemp("c") / "w", "function", "torch")
    return workspace, command("assess", workspace.folder)


@pytest.fixture
def assessed(first: tuple[Workspace, Outcome], tmp_path: Path) -> Workspace:
    """A copy of it."""
    shutil.copytree(first[0].folder, tmp_path / "w")
    return replace(first[0], folder=tmp_path / "w")


def test_says_beforehand_and_afterwards_how_long(first: tuple[Workspace, Outcome]) -> None:
    _, outcome = first

    assert outcome.status == 0, outcome.err
    assert outcome.err.startswith("14 steps at depth quick; at most about ")
    for deeper in ("standard", "full"):
        assert f"--depth {deeper} would try more examples" in outcome.out


def test_what_quick_leaves_out_is_unmeasured(first: tuple[Workspace, Outcome]) -> None:
    found = json.loads((first[0].folder / "assessment.json").read_bytes())

    assert any("UNMEASURED" in line and "depth quick" in line for line in found["unmeasured"])


def test_report_is_written_again_byte_for_byte(assessed: Workspace) -> None:
    for form, name in (("html", "report.html"), ("json", "assessment.json")):
        again = assessed.folder / f"again.{form}"
        assert command("report", assessed.folder, "--format", form, "--out", again).status == 0
        assert again.read_bytes() == (assessed.folder / name).read_bytes()


def test_report_on_standard_output_is_the_same_bytes(assessed: Workspace) -> None:
    said = command("report", assessed.folder, "--format", "json")
    assert said.out.encode() == (assessed.folder / "assessment.json").read_bytes()


def test_report_of_an_older_entry(assessed: Workspace) -> None:
    old = (assessed.folder / "report.html").read_bytes()
    found = json.loads(
        command("log", "query", assessed.folder, "--type", "assessment", "--json", "-").out
    )
    entry = next(e["index"] for e in found["events"] if e["action"] == "assess")
    command("assess", assessed.folder, "--seed", "5")
    said = command("report", assessed.folder, "--format", "html", "--entry", str(entry))

    assert said.out.encode() == old
    assert (assessed.folder / "report.html").read_bytes() != old


@pytest.mark.parametrize(
    "arguments",
    [
        ("assess", "{w}"),
        ("check", "list"),
        ("check", "run", "{w}"),
        ("model", "robustness", "{w}", "--model", "scorer"),
        ("threats", "{w}"),
        ("log", "query", "{w}"),
        ("log", "verify", "{w}"),
        ("log", "append", "--settings", "{w}", "--action", "x"),
        ("data", "classify", "{w}/people.csv"),
        ("plugins",),
        ("doctor", "{w}"),
    ],
    ids=lambda a: " ".join(a[:2]),
)
def test_json_is_alone_on_standard_output(assessed: Workspace, arguments: tuple[str, ...]) -> None:
    given = [text.format(w=assessed.folder) for text in arguments]
    said = command(*given, "--json", "-")
    file = assessed.folder / "out.json"
    command(*given, "--json", file)

    assert said.status == 0, said.err
    assert json.loads(said.out)["schema"] == 1
    assert json.loads(file.read_bytes()).keys() == json.loads(said.out).keys()


def test_what_a_model_prints_is_not_in_the_json(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", "function")
    loud = SCORER.replace("    return", "    print('LOUD WORDS')\n    return")
    (workspace.folder / "scorer.py").write_text("print('LOUD WORDS')\n" + loud)
    for given in (("assess",), ("model", "robustness")):
        said = command(*given, workspace.folder, "--json", "-")
        assert said.status == 0, said.err
        assert "LOUD" not in said.out
        assert "LOUD" in said.err
        json.loads(said.out)


def test_no_progress_bar_where_there_is_no_terminal(first: tuple[Workspace, Outcome]) -> None:
    assert "\x1b" not in first[1].out + first[1].err
    assert "━" not in first[1].err
    assert "[1/14] people: classify\n" in first[1].err


@pytest.mark.parametrize(
    ("expressions", "status", "words"),
    [
        ((), 0, ()),
        (("low",), 1, ("CHK-ENC-REST",)),
        (("critical",), 1, ("CHK-ENC-REST",)),
        (("severity>=high",), 1, ("CHK-BASIS",)),
        (("robust_accuracy<0.0@linf:0.1",), 0, ()),
        (("robust_accuracy<1.0@linf:0.1",), 1, ("scorer may be as low as",)),
        (("clean_accuracy<0.5",), 0, ()),
        (("clean_accuracy<1.0",), 1, ("may be as low as",)),
        (("clean_accuracy<0.5", "high"), 1, ("high: ",)),
        (("robust_accuracy<0.1@linf:0.777",), 1, ("not measured",)),
    ],
    ids=str,
)
def test_fail_on(
    assessed: Workspace, expressions: tuple[str, ...], status: int, words: tuple[str, ...]
) -> None:
    given = [part for expression in expressions for part in ("--fail-on", expression)]
    outcome = command("assess", assessed.folder, *given)

    assert outcome.status == status, outcome.err
    assert all(word in outcome.err for word in words)


def test_fail_on_unknown(assessed: Workspace) -> None:
    assessed.change('"last_visit"', '"no_such_column"')
    outcome = command("assess", assessed.folder, "--fail-on", "unknown")

    assert outcome.status == 1
    assert "unknown: CHK-RETENTION" in outcome.err


def test_fail_on_new_compares_with_a_baseline(assessed: Workspace) -> None:
    baseline = assessed.folder / "before.json"
    shutil.copy(assessed.folder / "assessment.json", baseline)
    given = ("assess", assessed.folder, "--fail-on", "new", "--baseline", baseline)
    same = command(*given)
    with assessed.toml.open("a") as stream:
        stream.write('\n[datasets.more]\nsource = "consents.csv"\n')
        stream.write('[datasets.more.retention]\nstart_column = "granted_at"\nmaximum = "P1D"\n')
    more = command(*given)

    assert (same.status, more.status) == (0, 1)
    assert "CHK-RETENTION of more" in more.err


def test_folder_file_and_relative_path_are_the_same(
    assessed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(assessed.folder)
    for given in ((), (".",), ("assay.toml",), (str(assessed.toml),), ("../w",)):
        outcome = command("assess", *given)
        assert outcome.status == 0, outcome.err
        assert ", 6 of them kept from before;" in outcome.err


def test_workspace_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(tmp_path / "w")
    monkeypatch.setenv("ASSAY_WORKSPACE", str(tmp_path / "state"))
    assert command("assess", workspace.folder, "--out", tmp_path / "new" / "out").status == 0

    assert (tmp_path / "state" / "log.sqlite").is_file()
    assert not workspace.state.exists()
    assert {p.name for p in (tmp_path / "new" / "out").iterdir()} == {
        "assessment.json",
        "report.html",
    }
    assert set(workspace.files()) == {"assay.toml", "people.csv", "consents.csv"}


@pytest.mark.parametrize(
    "name",
    ["ü" * 200, "<script>alert(1)</script> [bold red]x[/] a 'b' \"c\""],
    ids=["long", "markup"],
)
def test_names_of_organisations_are_text(assessed: Workspace, name: str) -> None:
    assessed.change('"Test Clinic"', json.dumps(name, ensure_ascii=False))
    outcome = command("assess", assessed.folder)

    assert outcome.status == 0, outcome.err
    assert "<script>alert" not in (assessed.folder / "report.html").read_text()
    assert json.loads((assessed.folder / "assessment.json").read_bytes())["organisation"] == name


def test_weird_names_of_datasets_and_models(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", "function")
    workspace.change("datasets.people", 'datasets."0.a-_.b"')
    workspace.change('["people"]', '["0.a-_.b"]')
    workspace.change("models.scorer", 'models."0.a-_.b"')
    outcome = command("assess", workspace.folder)

    assert outcome.status == 0, outcome.err
    assert "[2/9] 0.a-_.b: " in outcome.err


@pytest.fixture(scope="module")
def leftovers(first: tuple[Workspace, Outcome]) -> dict[str, bytes]:
    """Everything that an assessment and other commands wrote and said, beside its inputs."""
    workspace, outcome = first
    found = everything_in(workspace.folder)
    for name in ("people.csv", "consents.csv"):
        del found[str(workspace.folder / name)]
    said = [outcome]
    said += [command(*given, workspace.folder) for given in (("log", "query"), ("check", "run"))]
    said += [command("report", workspace.folder), command("threats", workspace.folder)]
    said += [command("data", "classify", workspace.folder / "people.csv", "--json", "-")]
    broken = make_workspace(workspace.folder.parent / "broken")
    with (broken.folder / "people.csv").open("a") as stream:
        stream.write(",".join(broken.canaries[:40]))
    said.append(command("assess", broken.folder))
    found |= everything_in(broken.state)
    return found | {str(n): (o.out + o.err).encode() for n, o in enumerate(said)}


def test_personal_data_stay_in_their_tables(
    first: tuple[Workspace, Outcome], leftovers: dict[str, bytes]
) -> None:
    assert any(name.endswith("log.sqlite") for name in leftovers)
    for name, data in leftovers.items():
        seen = [canary for canary in first[0].canaries if canary.encode() in data]
        assert len(seen) == 0, f"{len(seen)} values of the tables are in {name}"


def test_keys_stay_in_their_files(
    first: tuple[Workspace, Outcome], leftovers: dict[str, bytes]
) -> None:
    keys = sorted((first[0].state / "keys").iterdir())
    assert [key.name for key in keys] == [
        "log-ml-dsa-44.key",
        "log.key",
        "pseudonym.key",
    ]
    for key in keys:
        secret = key.read_bytes()
        for name, data in leftovers.items():
            if name != str(key):
                assert secret not in data, name
                assert secret.hex().encode() not in data.lower(), name


HEAVY = (
    "torch",
    "pyarrow",
    "sqlalchemy",
    "alembic",
    "numpy",
    "scipy",
    "sklearn",
    "pydantic",
    "rich",
)


@pytest.mark.parametrize(
    "program",
    [
        "import assay",
        "from assay.cli.main import main; main(['--help'])",
        "from assay.cli.main import main; main(['--version'])",
        "from assay.cli.main import main; main(['asess'])",
        "from assay.cli.main import main; main(['log', '--help'])",
        "from assay.cli.main import main; main(['assess', '--help'])",
    ],
)
def test_heavy_libraries_are_not_imported(program: str) -> None:
    code = f"{program}\nimport sys; print('\\n!', *sorted(sys.modules))"
    done = _python(code)

    assert done.status == 0, done.err
    loaded = done.out.rpartition("!")[2].split()
    assert "assay" in loaded
    assert [name for name in HEAVY if name in loaded] == []


WITHOUT_EXTRAS = """
import sys
from importlib.machinery import PathFinder
BLOCKED = {"torch", "pyarrow", "numpy", "sklearn", "scipy", "skops", "onnxruntime", "onnx",
           "matplotlib", "faker", "mlxtend", "safetensors", "PIL", "psycopg", "pandas", "polars"}

class BaseInstallation:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            return None
        return PathFinder.find_spec(name, path, target)

    find_distributions = staticmethod(PathFinder.find_distributions)
    invalidate_caches = staticmethod(PathFinder.invalidate_caches)

sys.meta_path = [BaseInstallation if f is PathFinder else f for f in sys.meta_path]
sys.path.insert(0, ROOT)
import json
from tests.workspaces import command
outcomes = [command(*arguments) for arguments in json.loads(sys.stdin.read())]
assert not BLOCKED & set(sys.modules), BLOCKED & set(sys.modules)
print(json.dumps([[o.status, o.out, o.err] for o in outcomes]))
"""

BASE_CASES = [
    (("--help",), 0, ("Start with",)),
    (("plugins", "--json", "-"), 0, ("pip install 'assay[data]'", "pip install 'assay[torch]'")),
    (("init", "{w}/new", "--no-questions"), 0, ("Wrote",)),
    (("check", "list"), 0, ("CHK-RETENTION",)),
    (("check", "run", "{w}", "--json", "-"), 0, ("unknown", "needs the library pyarrow", "data]'")),
    (("log", "append", "--settings", "{w}", "--action", "x"), 0, ("Entry",)),
    (("log", "query", "{w}"), 0, ("Occurred",)),
    (("log", "verify", "{w}"), 0, ("Everything verifies.",)),
    (("report", "{w}"), 0, ("Test Clinic",)),
    (("doctor", "{w}", "--json", "-"), 0, ("pip install",)),
    (("assess", "{w}", "--fail-on", "unknown"), 1, ("UNKNOWN",)),
    (("data", "classify", "{w}/people.csv"), 3, ("pip install 'assay[data]'",)),
    (("demo", "{w}/demo"), 3, ("pip install 'assay[demo]'",)),
]


@pytest.fixture(scope="module")
def at_base(
    first: tuple[Workspace, Outcome], tmp_path_factory: pytest.TempPathFactory
) -> list[Outcome]:
    """What these commands do, one after the other, where no extra is installed."""
    folder = tmp_path_factory.mktemp("base") / "w"
    shutil.copytree(first[0].folder, folder)
    (folder / "new").mkdir()
    given = [[text.format(w=folder) for text in arguments] for arguments, _, _ in BASE_CASES]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS.replace("ROOT", repr(root))],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stderr
    return [Outcome(*row) for row in json.loads(done.stdout)]


@pytest.mark.parametrize("number", range(len(BASE_CASES)), ids=[" ".join(c[0]) for c in BASE_CASES])
def test_base_installation(at_base: list[Outcome], number: int) -> None:
    _, status, words = BASE_CASES[number]
    outcome = at_base[number]
    said = " ".join((outcome.out + outcome.err).split())

    assert outcome.status == status, said
    assert "Traceback" not in said
    assert "this is a bug" not in said
    assert [word for word in words if word not in said] == []


def test_terminal_that_cannot_show_a_name(assessed: Workspace) -> None:
    assessed.change('"Test Clinic"', '"Klinik Zürich 😀"')
    done = subprocess.run(
        [*ASSAY, "check", "run", str(assessed.folder)],
        capture_output=True,
        check=False,
        env=clean_environment(PYTHONIOENCODING="ascii"),
    )
    assert done.returncode == 0, done.stderr
    assert b"Klinik Z\\xfcrich" in done.stdout


def test_reader_that_goes_away(assessed: Workspace) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*ASSAY, "report", str(assessed.folder), "--format", "json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (3, b"")


def test_debug_shows_where(assessed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    assert "Traceback" in command("assess", assessed.folder / "none").err


def test_account_without_a_name(assessed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number that no passwd knows."""
    import getpass

    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert command("log", "append", "--settings", assessed.folder, "--action", "x").status == 0


def _python(code: str, *arguments: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
