"""A file is there whole, or as it was before; nothing temporary stays, whatever goes wrong."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from assay import atomic
from assay.atomic import make_folder, write_atomically, write_error
from assay.errors import DiskFull, NotWritable


def test_writes_bytes_with_a_mode(tmp_path: Path) -> None:
    file = tmp_path / "f"
    write_atomically(file, b"new")

    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "f", b"", mode=0o640)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_replaces_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"old, and longer")
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"


def test_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"old")
    (tmp_path / "f").symlink_to(tmp_path / "secret")
    write_atomically(tmp_path / "f", b"new")

    assert (tmp_path / "secret").read_bytes() == b"old"
    assert not (tmp_path / "f").is_symlink()


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=str)
def test_interrupted_at_any_call_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"old")

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(*((atomic.os, call) if call == "fsync" else (Path, call)), fails)
    with pytest.raises((DiskFull, KeyboardInterrupt)):
        write_atomically(file, b"new")

    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_file_larger_than_allowed(tmp_path: Path) -> None:
    """A real limit of the kernel, in a child process."""
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from assay.atomic import write_atomically; from assay.errors import DiskFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomically(Path(sys.argv[1]), bytes(5000))\n"
        "except DiskFull as error: print(error)\n"
    )
    (tmp_path / "f").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "f")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "No space is left to write" in done.stdout
    assert (tmp_path / "f").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file" / "x", tmp_path / "none" / "x", Path("/proc/x"), tmp_path):
        with pytest.raises(NotWritable, match="cannot be written") as caught:
            write_atomically(place, b"")
        assert caught.value.next_step
    for folder in (tmp_path / "file" / "x", Path("/proc/x"), tmp_path / "file"):
        with pytest.raises(NotWritable):
            make_folder(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folder_is_the_owners_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("number", "named"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EFBIG, DiskFull),
        (errno.EACCES, NotWritable),
        (errno.EROFS, NotWritable),
    ],
)
def test_what_a_refusal_is_called(number: int, named: type[Exception]) -> None:
    error = write_error(Path("f"), OSError(number, os.strerror(number)))
    assert type(error) is named
    assert "f" in error.message
