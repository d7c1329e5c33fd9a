"""What the tests of the documentation share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Where the programs that the pages start keep byte code, on machines that keep none elsewhere."""
    return tmp_path_factory.mktemp("bytecode") if sys.dont_write_bytecode else None
