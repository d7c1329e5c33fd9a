"""Fetches what `package.module:name` names, from a project's own folder first.

The folder stands first on `sys.path` while the work lasts, no longer. Two projects in one process
may both have a module `model`: what an earlier project brought under the same name makes way, what
Python or an installed package brought does not.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from assay.errors import BadInput

_FORM = "Write it as package.module:name."


@contextmanager
def first_on_path(folder: Path) -> Iterator[None]:
    """The folder first on `sys.path`."""
    entry = str(folder)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(entry)


def named(what: str, folder: Path) -> Callable[..., Any]:
    """The callable that `package.module:name` names. Importing runs the module's code.

    Raises:
        BadInput: not of that form, not importable, not there, or nothing that can be called.
    """
    module_name, colon, name = what.partition(":")
    if not (colon and name and all(part.isidentifier() for part in module_name.split("."))):
        raise BadInput(f"{what!r} does not name a function.", next_step=_FORM)
    with first_on_path(folder):
        _make_way(module_name.partition(".")[0], folder)
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise BadInput(
                f"{module_name} cannot be imported from {folder} "
                f"({type(error).__name__}{_where(error)}).",
                next_step="The folder is the one that assay.toml lies in.",
            ) from error
    found = getattr(module, name, None)
    if not callable(found):
        raise BadInput(f"{module_name} has no function {name}.", next_step=_FORM)
    return found  # type: ignore[no-any-return]  # callable() says so, Any does not


def place_in(folder: Path, error: BaseException) -> str:
    """Where in the project's own code it was raised: `, networks.py line 7`; empty if elsewhere.

    A stranger's message may hold anything, a row of the data for instance; a place holds nothing.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(folder) and "site-packages" not in path.parts:
            return f", {path.relative_to(folder)} line {frame.lineno}"
    return ""


def _where(error: Exception) -> str:
    """What a failed import may say of itself: the missing module, or the line; never its own words."""
    if isinstance(error, ImportError) and error.name:
        return f": {error.name}"
    return f", line {error.lineno}" if isinstance(error, SyntaxError) else ""


def source_file(function: Callable[..., Any]) -> Path:
    """The file that the function's module was read from.

    Raises:
        BadInput: the module has no file, so it has no digest either.
    """
    module = sys.modules.get(function.__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        raise BadInput(f"The module {function.__module__} has no file to take a digest of.")
    return Path(file)


def _make_way(package: str, folder: Path) -> None:
    loaded = sys.modules.get(package)
    here = PathFinder.find_spec(package, [str(folder)])
    if loaded is None or (here and here.origin == getattr(loaded, "__file__", None)):
        return
    if _is_installed(loaded):
        if here is None:
            return
        raise BadInput(
            f"{folder} has a module {package}, which is also the name of an installed one.",
            next_step="Rename the module.",
        )
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]


def _is_installed(module: object) -> bool:
    file = getattr(module, "__file__", None)
    roots = {Path(root).resolve() for root in (sys.prefix, sys.base_prefix)}
    return file is None or any(Path(file).resolve().is_relative_to(root) for root in roots)
