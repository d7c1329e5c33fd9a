"""What the tables of several files are called: the stem, or the shortest path that tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def table_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """A distinct name for each file, in order.

    `a/patients.csv` and `b/patients.csv` are `a/patients` and `b/patients`; the same file named
    twice, or files that differ by suffix alone, are told apart by the whole path.
    """
    parts = [path.with_suffix("").parts for path in paths]
    names = [own[-1] for own in parts]
    depth = 1
    while len(set(names)) < len(names) and depth < max(len(own) for own in parts):
        depth += 1
        shared = Counter(names)
        names = [
            "/".join(own[-depth:]) if shared[name] > 1 else name
            for own, name in zip(parts, names, strict=True)
        ]
    return _numbered(
        [n if names.count(n) == 1 else str(p) for n, p in zip(names, paths, strict=True)]
    )


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(numbered)
