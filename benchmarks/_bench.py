"""The shape of every benchmark: interleaved rounds, ratios taken in one run, one JSON line last.

    python benchmarks/NAME.py [--quick] [--no-peers]

A ratio is the median over rounds of ours divided by theirs in the same round, so that a machine whose
speed drifts does not change it. A peer that is missing or crashes is skipped by name, and `met` is
false then unless `--no-peers`. Peers live in `.peers/`, made by `make peers`, outside the product's
constraints.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".peers" / "bin"
Target = tuple[str, float]


@dataclass
class Bench:
    """Collects ratios and prints them."""

    name: str
    targets: Mapping[str, Target]
    quick: bool
    no_peers: bool
    ratios: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def ratio(self, name: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
        """The median of the ratios, round by round."""
        self.ratios[name] = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))

    def skip(self, name: str, why: str) -> None:
        """A ratio that could not be taken."""
        self.skipped[name] = why

    @property
    def met(self) -> bool:
        """Every target reached, and nothing skipped that was asked for."""
        reached = all(
            _holds(self.ratios[name], target)
            for name, target in self.targets.items()
            if name in self.ratios
        )
        missing = [name for name in self.targets if name not in self.ratios]
        return reached and (self.no_peers or not missing)

    def report(self) -> int:
        """Print the table and the JSON line; 0 if met."""
        for name, (sign, value) in self.targets.items():
            shown = (
                f"{self.ratios[name]:.3f}" if name in self.ratios else self.skipped.get(name, "?")
            )
            print(f"{name:<32}{shown:>16}   target {sign} {value}")
        line = {
            "benchmark": self.name,
            "quick": self.quick,
            "ratios": {name: round(value, 4) for name, value in self.ratios.items()},
            "targets": {name: list(target) for name, target in self.targets.items()},
            "skipped": self.skipped,
            "met": self.met,
        }
        print(json.dumps(line))
        return 0 if self.met else 1


def arguments(name: str, description: str, targets: Mapping[str, Target]) -> Bench:
    """A bench from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, at most 180 s")
    parser.add_argument("--no-peers", action="store_true", help="peers may be missing")
    given = parser.parse_args()
    return Bench(name, targets, given.quick, given.no_peers)


def interleaved(rounds: int, jobs: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of each job in each round, the jobs one after the other within a round."""
    for job in jobs.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def command(*words: str) -> Callable[[], object]:
    """A job that runs a program to its end and throws its output away.

    Python keeps its byte code, as it does wherever nobody switched that off: the warm-up compiles.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(words, check=True, capture_output=True, env=environment)


def _holds(value: float, target: Target) -> bool:
    sign, limit = target
    return value >= limit if sign == ">=" else value <= limit
