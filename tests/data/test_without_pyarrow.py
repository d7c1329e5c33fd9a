"""The data room imports, and lists its members, where pyarrow is not installed."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import importlib.util as util
import sys

real = util.find_spec
util.find_spec = lambda name, *rest: None if name == "pyarrow" else real(name, *rest)
import assay.data.classify, assay.data.handling, assay.data.observe
from assay import plugins
from assay.data.tables import open_table
from assay.errors import MissingExtra
from pathlib import Path

assert len(plugins.available("detectors")) >= 27
assert plugins.available("sources") == ()
try:
    open_table(Path("a.parquet"))
except MissingExtra as error:
    print(error)
assert "pyarrow" not in sys.modules
"""


def test_a_table_then_names_the_extra_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "pip install 'assay[data]'" in done.stdout
