"""Without numpy, torch and the others, members are listed with the extra to install."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import importlib.util, json, sys

HIDDEN = {"numpy", "torch", "sklearn", "skops", "onnxruntime", "safetensors", "scipy", "PIL",
          "pyarrow"}

class Hider:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hider())
from assay import plugins
plugins.find_spec = lambda name: None if name in HIDDEN else importlib.util.find_spec(name)

import assay.models.loading
import assay.models.robustness

print(json.dumps({
    f"{room}/{member.name}": [member.available, member.extra]
    for room in ("libraries", "attacks", "corruptions")
    for member in plugins.members(room)
}))
"""


def test_members_are_listed_with_their_extra() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    listed = json.loads(done.stdout)

    assert listed["libraries/onnx"] == [False, "onnx"]
    assert listed["libraries/sklearn"] == [False, "ml"]
    assert listed["attacks/pgd"] == [False, "torch"]
    assert listed["attacks/square"] == [False, "ml"]
    assert listed["corruptions/rotation"] == [False, "torch"]
    assert all(extra for _, extra in listed.values())
