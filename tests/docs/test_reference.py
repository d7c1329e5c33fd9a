"""docs/reference says what the code says."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

import assay
from assay import plugins
from assay.audit_log.event_types import own as own_types
from assay.law.catalogues import check_specs
from assay.settings import Settings
from tests.docs.pages import ROOT

_FOLDER = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """tools/reference.py, which is no package."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_fresh(reference: ModuleType) -> None:
    written = {path.name: path.read_text("utf-8") for path in _FOLDER.glob("*.md")}
    assert written == reference.render(), "run tools/reference.py"


def test_it_is_written_the_same_twice(reference: ModuleType) -> None:
    assert reference.render() == reference.render()


def test_check_finds_a_stale_page(reference: ModuleType, tmp_path: object) -> None:
    folder = str(tmp_path)
    assert reference.main(["--check", "--folder", folder]) == 1
    assert reference.main(["--folder", folder]) == 0
    assert reference.main(["--check", "--folder", folder]) == 0


def test_every_exported_name_is_in_it() -> None:
    text = (_FOLDER / "python.md").read_text("utf-8")
    assert [name for name in assay.__all__ if f"\n### assay.{name}\n" not in text] == []


def test_every_exported_name_says_what_it_is() -> None:
    assert [name for name in assay.__all__ if not getattr(assay, name).__doc__] == []


def test_every_command_is_in_it(reference: ModuleType) -> None:
    text = (_FOLDER / "cli.md").read_text("utf-8")
    paths = [" ".join(path) for path, _ in reference.commands()]
    assert len(paths) > 15
    assert [path for path in paths if f"\n## {path}\n" not in text] == []


def test_every_key_of_the_settings_is_in_it() -> None:
    text = (_FOLDER / "settings.md").read_text("utf-8")
    keys = [field.alias or name for name, field in Settings.model_fields.items()]
    assert [key for key in keys if f"| `{key}` |" not in text] == []


def test_every_check_event_and_member_is_in_it() -> None:
    pages = {name: (_FOLDER / f"{name}.md").read_text("utf-8") for name in ("checks", "events")}
    assert [name for name in check_specs() if name not in pages["checks"]] == []
    assert [one.name for one in own_types() if f"| `{one.name}` |" not in pages["events"]] == []
    members = (_FOLDER / "members.md").read_text("utf-8")
    own = [m.name for room in plugins.ROOMS for m in plugins.members(room) if m.origin == "assay"]
    assert [name for name in own if f"| `{name}` |" not in members] == []
