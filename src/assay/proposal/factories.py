"""Finds what builds a torch network in Python source, without running any of it.

A class counts when a base of it is `torch.nn.Module`, another class of `torch.nn`, or such a class
of the same file; a function when its annotation says that it returns one, or when it returns what
it made of one. What only running the code would show is not found.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundFactory:
    """A class or function that gives a network, as `package.module:name`."""

    reference: str
    arguments: tuple[str, ...] = ()
    """Those that it cannot do without; a factory is called with none."""


def factories_in(source: bytes, module: str) -> tuple[FoundFactory, ...]:
    """The classes and functions of a Python file that give a torch network; nothing is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        return tuple(_found(tree, module))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _found(tree: ast.Module, module: str) -> Iterator[FoundFactory]:
    known = _torch_names(tree)
    networks: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _is_network(node, known, networks):
            networks.add(node.name)
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            init = next((method for method in methods if method.name == "__init__"), None)
            arguments = () if init is None else _required(init)[1:]
        elif isinstance(node, ast.FunctionDef) and _returns_network(node, known, networks):
            arguments = _required(node)
        else:
            continue
        if not node.name.startswith("_"):
            yield FoundFactory(f"{module}:{node.name}", arguments)


def _torch_names(tree: ast.Module) -> dict[str, str]:
    """What the names that the file imports stand for: `nn` for `torch.nn`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return {name: full for name, full in names.items() if full.split(".")[0] == "torch"}


def _full_name(node: ast.expr | None, known: dict[str, str]) -> str:
    """`torch.nn.Module` for `nn.Module`; the bare name for what the file itself defines."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_full_name(node.value, known)}.{node.attr}"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_network(node: ast.ClassDef, known: dict[str, str], networks: set[str]) -> bool:
    bases = [_full_name(base, known) for base in node.bases]
    return any(base in networks or base.startswith("torch.nn.") for base in bases)


def _returns_network(node: ast.FunctionDef, known: dict[str, str], networks: set[str]) -> bool:
    """Whether its annotation says so, or it returns what it made of a network's class."""
    said = _full_name(node.returns, known)
    if said == "torch.nn.Module" or said in networks:
        return True

    def makes(value: ast.expr | None) -> bool:
        name = _full_name(value.func, known) if isinstance(value, ast.Call) else ""
        return name in networks or name == "torch.nn.Sequential"

    made = {
        target.id
        for part in ast.walk(node)
        if isinstance(part, ast.Assign) and makes(part.value)
        for target in part.targets
        if isinstance(target, ast.Name)
    }
    returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
    return any(makes(v) or (isinstance(v, ast.Name) and v.id in made) for v in returned)


def _required(function: ast.FunctionDef) -> tuple[str, ...]:
    """The arguments without a default, `self` among them."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    without = len(arguments) - len(function.args.defaults)
    keywords = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return (
        *(argument.arg for argument in arguments[:without]),
        *(argument.arg for argument, default in keywords if default is None),
    )
