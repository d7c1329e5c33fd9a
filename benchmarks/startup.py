"""How long `assay --help` takes: against the bare interpreter, a click program and a peer's help.

The promise is 100 ms and that no heavy library is imported. The limit is what Python itself takes;
click with two commands is what any program with this parser takes; modelscan is a scanner of the
same field whose command line imports its work.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from _bench import PEERS, arguments, command, interleaved

BUDGET_SECONDS = 0.1
HEAVY = ("torch", "pyarrow", "sqlalchemy", "numpy", "pydantic", "rich", "yaml", "cryptography")
CLICK = """
import click
@click.group()
def cli(): "A program."
@cli.command()
def one(): "The first."
@cli.command()
def two(): "The second."
cli.main(["--help"], standalone_mode=False)
"""
TARGETS = {
    "help_over_budget_of_100_ms": ("<=", 1.0),
    "help_over_click_program": ("<=", 1.5),
    "help_over_peer_modelscan": ("<=", 0.5),
    "heavy_modules_imported": ("<=", 0.0),
}


def main() -> int:
    """Time, compare, report."""
    bench = arguments("startup", __doc__ or "", TARGETS)
    python = sys.executable
    assay = str(Path(python).with_name("assay"))
    jobs = {
        "assay --help": command(assay, "--help"),
        "python -c pass": command(python, "-c", "pass"),
        "click, two commands": command(python, "-c", CLICK),
    }
    peer = PEERS / "modelscan"
    if peer.exists():
        jobs["modelscan --help"] = command(str(peer), "--help")
    else:
        bench.skip("help_over_peer_modelscan", "not installed: make peers")
    seconds = interleaved(10 if bench.quick else 40, jobs)
    for name, taken in seconds.items():
        print(f"{name:<32}{1000 * statistics.median(taken):>13.1f} ms")
    ours = seconds["assay --help"]
    bench.ratio("help_over_budget_of_100_ms", ours, [BUDGET_SECONDS] * len(ours))
    bench.ratio("help_over_click_program", ours, seconds["click, two commands"])
    if peer.exists():
        bench.ratio("help_over_peer_modelscan", ours, seconds["modelscan --help"])
    bench.ratios["heavy_modules_imported"] = float(len(_heavy_imports(python)))
    return bench.report()


def _heavy_imports(python: str) -> set[str]:
    """Heavy libraries that `assay --help` imports."""
    program = (
        "import sys\nfrom assay.cli.main import main\nmain(['--help'])\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([python, "-c", program], check=True, capture_output=True, text=True)
    return set(HEAVY) & set(done.stderr.split())


if __name__ == "__main__":
    sys.exit(main())
