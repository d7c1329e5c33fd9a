"""Which versions of assay, Python and the libraries that results depend on are running."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = ("assay", "numpy", "onnxruntime", "pyarrow", "scikit-learn", "scipy", "skops", "torch")


@cache
def versions() -> Mapping[str, str]:
    """Name to version, of what is installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
