"""A picture of a report as a browser shows it.

    python tools/screenshot.py REPORT.html OUT.png [--width 1280] [--height 900] [--full]

`--full` takes the whole page and not only what fits the window. Chromium is looked for at
/usr/bin/chromium, or where the environment variable CHROMIUM says.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main(arguments: list[str] | None = None) -> int:
    """0 when the picture is written, 2 when something it needs is missing."""
    chosen = _parser().parse_args(arguments)
    chromium = Path(os.environ.get("CHROMIUM", CHROMIUM))
    if not chosen.report.is_file():
        print(f"There is no report at {chosen.report}.", file=sys.stderr)
        return 2
    if not chromium.is_file():
        print(
            f"There is no Chromium at {chromium}. Install it (Debian: apt-get install chromium), "
            "or set CHROMIUM to where it is.",
            file=sys.stderr,
        )
        return 2
    take(chosen.report, chosen.picture, chromium, chosen.width, chosen.height, full=chosen.full)
    return 0


def take(
    report: Path, picture: Path, chromium: Path, width: int, height: int, *, full: bool
) -> None:
    """Write a PNG of the report in a window of so many pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(report.resolve().as_uri())
        page.screenshot(path=picture, full_page=full)
        browser.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="screenshot", description="A picture of a report.")
    parser.add_argument("report", type=Path, metavar="REPORT.html")
    parser.add_argument("picture", type=Path, metavar="OUT.png")
    parser.add_argument("--width", type=int, default=1280, help="pixels")
    parser.add_argument("--height", type=int, default=900, help="pixels")
    parser.add_argument("--full", action="store_true", help="the whole page")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
