"""Who can read, write or replace the files of the workspace and of the declared data?

Owner, group, mode and POSIX ACL of every file and folder of the workspace, its keys, the declared
datasets, consent tables, models, their code, test data, reports and assay.toml, and of every folder
above them up to the root. Links are not followed; where one points is reported. Account names stay
out of the facts: numbers of users and groups and the policy's own numbers are in them.

A POSIX ACL is read from the extended attribute `system.posix_acl_access` (Linux). Where the file
system keeps no ACL there is none to break the mode bits; other systems' ACLs are not read, which the
facts say. What the mode bits do not show (mandatory access control, capabilities, network shares
that map every account to one) is not seen.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from assay.compliance.datasets import shown_path
from assay.compliance.interface import Scene
from assay.compliance.observing import of_the_system
from assay.settings import FILE_NAME, AccessSettings, Settings
from assay.vocabulary import Facts, Json, Method, Observation, not_measured

KIND = "file_access_scan"
_ACL_ATTRIBUTE = "system.posix_acl_access"
_ACL_NAMED_USER, _ACL_NAMED_GROUP, _ACL_MASK = 0x02, 0x08, 0x10
_PATHS_MAX = 20_000

_Members = Callable[[int], set[int]]
"""The users of a group, looked up once for each group of a scan."""


class FileAccess:
    """Reads owners, modes and ACLs."""

    kinds = (KIND,)

    def observe(self, scene: Scene) -> Iterator[Observation]:
        """One observation of the system."""
        yield of_the_system(scene, KIND, "readers.file_access", Method.EXAMINE, _facts(scene))


def _facts(scene: Scene) -> Facts:
    access = scene.settings.access
    if access is None:
        return not_measured(
            "no access policy is declared, so nothing says who may read what.",
            "Add [access] with owners and groups to assay.toml.",
        )
    try:
        policy = _policy(access)
        roles = _roles(scene)
        if len(roles) > _PATHS_MAX:
            return not_measured(
                f"more than {_PATHS_MAX} files and folders are in the workspace.",
                "Move what is not assay's out of the workspace folder.",
            )
        members = cache(_members)
        paths = [
            _path_facts(scene, path, role, level, members) for path, (role, level) in roles.items()
        ]
    except KeyError as error:
        return not_measured(
            f"the access policy names an account that this host does not have ({error.args[0]}).",
            "Correct [access] in assay.toml.",
        )
    except OSError as error:
        return not_measured(
            f"{error.filename} cannot be examined ({error.strerror}).",
            "Check that it exists and that this account may look at it.",
        )
    return {
        "running_as_root": os.geteuid() == 0,
        "acl_read": sys.platform == "linux",
        "policy": policy,
        "paths": paths,
    }


def _policy(access: AccessSettings) -> dict[str, Json]:
    """The accounts of the policy as numbers; an unknown name is a KeyError."""
    readers = {_uid(name) for name in (*access.owners, *access.readers)}
    for group in access.groups:
        readers |= _members(_gid(group))
    return {
        "owner_uids": sorted({_uid(name) for name in access.owners}),
        "reader_uids": sorted(readers),
        "group_gids": sorted({_gid(name) for name in access.groups}),
    }


def _uid(name: str) -> int:
    if name == "me":
        return os.geteuid()
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise KeyError("a user") from None


def _gid(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise KeyError("a group") from None


def _members(gid: int) -> set[int]:
    """Every user who is in a group, as a member or by the primary group."""
    primary = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == gid}
    try:
        named = {_uid(name) for name in grp.getgrgid(gid).gr_mem}
    except KeyError:
        named = set()
    return primary | named


def _roles(scene: Scene) -> dict[Path, tuple[str, str]]:
    """Every path to look at, with its role and its level; the strictest role of a path holds."""
    settings = scene.settings
    workspace = settings.workspace_folder
    found: dict[Path, tuple[str, str]] = {}
    for path in (workspace, *sorted(workspace.rglob("*"))):
        role = "key" if "keys" in path.relative_to(workspace).parts and path.is_file() else "own"
        found[path] = (role, "restricted")
    for name, dataset in settings.datasets.items():
        level = scene.labels.get(name, {}).get("level") or dataset.level or "unknown"
        found[settings.path(dataset.source)] = ("dataset", str(level))
        if dataset.key_file:
            found[settings.path(dataset.key_file)] = ("key", "restricted")
    for purpose in settings.purposes.values():
        if purpose.consent is not None:
            found.setdefault(settings.path(purpose.consent.source), ("dataset", "confidential"))
    for model in settings.models.values():
        named = [settings.path(text) for text in (model.source, model.test_data) if text]
        code = [path for text in (model.factory, model.test_data) for path in _code(settings, text)]
        for path in (*_with_contents(named), *code):
            found.setdefault(path, ("model", model.level or "internal"))
    for name in ("report.html", "assessment.json"):
        if (settings.folder / name).exists():
            found.setdefault(settings.folder / name, ("own", "internal"))
    if (file := settings.folder / FILE_NAME).exists():
        found.setdefault(file, ("settings", "internal"))
    parents = {parent for path in found for parent in path.parents} - found.keys()
    return {**found, **dict.fromkeys(sorted(parents), ("parent", ""))}


def _with_contents(paths: list[Path]) -> Iterator[Path]:
    """The paths that are there, and everything in those that are folders."""
    for path in paths:
        if path.exists():
            yield path
            yield from sorted(path.rglob("*")) if path.is_dir() else ()


def _code(settings: Settings, reference: str) -> Iterator[Path]:
    """The project's own Python files that `package.module:name` may run."""
    module, colon, _ = reference.partition(":")
    if not colon:
        return
    top = settings.folder / module.partition(".")[0]
    file = top.with_suffix(".py")
    yield from [file] if file.is_file() else []
    yield from [top, *sorted(top.rglob("*.py"))] if top.is_dir() else []


def _path_facts(scene: Scene, path: Path, role: str, level: str, members: _Members) -> Json:
    seen = path.lstat()
    acl = [] if stat.S_ISLNK(seen.st_mode) else _acl(path, members)
    return {
        "path": shown_path(scene.settings, path),
        "role": role,
        "level": level,
        "kind": _kind(seen.st_mode),
        "points_to": str(path.readlink()) if stat.S_ISLNK(seen.st_mode) else None,
        "uid": seen.st_uid,
        "gid": seen.st_gid,
        "mode": f"{stat.S_IMODE(seen.st_mode):04o}",
        "group_uids": sorted(members(seen.st_gid)),
        "acl": acl,
    }


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "link"
    return "folder" if stat.S_ISDIR(mode) else "file"


def _acl(path: Path, members: _Members) -> list[Json]:
    """The named entries of a path's POSIX ACL, each with the permissions that its mask leaves."""
    if sys.platform != "linux":
        return []
    try:
        raw = os.getxattr(path, _ACL_ATTRIBUTE)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return []
        raise
    entries = list(struct.iter_unpack("<HHI", raw[4:]))
    mask = next((permissions for tag, permissions, _ in entries if tag == _ACL_MASK), 7)
    named = {_ACL_NAMED_USER: "user", _ACL_NAMED_GROUP: "group"}
    return [
        {
            "kind": named[tag],
            "id": number,
            "permissions": permissions & mask,
            "uids": sorted(members(number)) if tag == _ACL_NAMED_GROUP else [number],
        }
        for tag, permissions, number in entries
        if tag in named
    ]


MEMBER = FileAccess()
