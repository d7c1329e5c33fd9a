"""CHK-FILE-ACCESS: files are readable by those the policy names, and by nobody else.

**Why it matters.** The shortest way to the data is often to open the file (GDPR Art. 32, 45 CFR
164.312(a)(1)). Whoever can write to a folder above a file can replace it.

**Passes** when key files are open to their owner alone; confidential and restricted files, and
assay's own, are owned by an account of the policy and readable by nobody outside it, restricted
files with a mode within 0640 (folders 0750); internal files are written by nobody outside it; and no
folder above any of them lets another account replace something. **Fails** with each path and what is
wrong. Unknown when no policy is declared, a path cannot be examined, or data whose level nobody knows
are open to others.

A run as root is said in the finding: root passes every permission, so the modes bind everyone else.

**How to fix.** `chmod`, `chown` and `setfacl` as the locations say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assay.compliance.interface import Verdict
from assay.compliance.readers.file_access import KIND
from assay.vocabulary import Location, Observation, Status, TargetKind

_READ, _WRITE = 4, 2
_STICKY = 0o1000
_CLASSIFY = "Install assay[data] so that it can be classified, or declare its level."
_RESTRICTED_MODES = {"file": 0o640, "folder": 0o750}


class FileAccessLimited:
    """Judges owners, modes and ACLs against the policy in assay.toml."""

    id = "CHK-FILE-ACCESS"
    looks_at = TargetKind.SYSTEM
    kinds = (KIND,)
    remediation = (
        "Correct the owner, mode or ACL of each place that is named (chmod, chown, setfacl)."
    )

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """The newest scan decides."""
        facts: Any = observations[-1].facts
        policy = facts["policy"]
        wrong = [
            Location(path["path"], what)
            for path in facts["paths"]
            for what in _faults(path, policy)
        ]
        root = " It was run as root, which passes every permission." * facts["running_as_root"]
        acl = "" if facts["acl_read"] else " ACLs of this system are not read."
        looked = f"{len(facts['paths'])} files and folders were compared with the access policy."
        if wrong:
            first = f"{wrong[0].place}: {wrong[0].detail}"
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            return Verdict(Status.FAIL, f"{first}{more}. {looked}{root}{acl}", tuple(wrong))
        unsure = [Location(path["path"], "its level is unknown") for path in _unsure(facts)]
        if unsure:
            what = f"{unsure[0].place} is open to others, and nobody knows its level."
            return Verdict(Status.UNKNOWN, f"{what} {looked}{root}", tuple(unsure), _CLASSIFY)
        if acl:
            return Verdict(Status.UNKNOWN, f"{looked}{root}{acl}")
        return Verdict(Status.PASS, f"{looked} None is open to others.{root}")


def _unsure(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Paths of unknown level that more than their owner can read: whether they may is not known."""
    return [
        path
        for path in facts["paths"]
        if path["level"] == "unknown" and (int(path["mode"], 8) & 0o044 or path["acl"])
    ]


def _faults(path: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one path, in words."""
    if path["role"] == "parent":
        yield from _parent_faults(path, policy)
        return
    if path["kind"] == "link":
        yield f"is a link to {path['points_to']}, whose target was not judged"
        return
    if path["uid"] not in policy["owner_uids"]:
        yield f"is owned by user {path['uid']}, whom the policy does not name"
    mode = int(path["mode"], 8)
    if path["role"] == "key":
        if mode & 0o077:
            yield f"is a key file with mode {path['mode']}, which is open to more than its owner"
    elif path["level"] == "restricted" and mode & 0o777 & ~_RESTRICTED_MODES[path["kind"]]:
        most = _RESTRICTED_MODES[path["kind"]]
        yield f"is restricted and has mode {path['mode']}; at most {most:04o}"
    elif path["level"] == "confidential" and mode & 0o007:
        yield f"is confidential and open to every account (mode {path['mode']})"
    elif mode & 0o002:
        yield f"can be written by every account (mode {path['mode']})"
    yield from _group_and_acl_faults(path, policy)


def _group_and_acl_faults(path: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[str]:
    mode = int(path["mode"], 8)
    group_allowed = path["gid"] in policy["group_gids"]
    readers, owners = set(policy["reader_uids"]), set(policy["owner_uids"])
    secret = path["role"] == "key" or path["level"] in ("confidential", "restricted")
    granted = [("group", path["gid"], mode >> 3 & 7, path["group_uids"])]
    granted += [(a["kind"], a["id"], a["permissions"], a["uids"]) for a in path["acl"]]
    for kind, number, permissions, uids in granted:
        strangers = set(uids) - readers
        allowed = kind == "group" and group_allowed and number == path["gid"]
        if secret and permissions & _READ and strangers and not allowed:
            yield f"{kind} {number} can read it, with accounts that the policy does not name"
        if permissions & _WRITE and set(uids) - owners:
            yield f"{kind} {number} can write it, with accounts that do not own it by the policy"


def _parent_faults(path: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[str]:
    mode = int(path["mode"], 8)
    if path["uid"] not in (0, *policy["owner_uids"]):
        yield f"is a folder above, owned by user {path['uid']}, who can replace what is in it"
    for entry in path["acl"]:
        if entry["permissions"] & _WRITE and set(entry["uids"]) - {0, *policy["owner_uids"]}:
            who = f"{entry['kind']} {entry['id']}"
            yield f"is a folder above in which {who} can replace files, by an ACL"
    if mode & _STICKY:
        return
    if mode & 0o002:
        yield f"is a folder above in which every account can replace files (mode {path['mode']})"
    elif mode & 0o020 and set(path["group_uids"]) - set(policy["owner_uids"]):
        yield f"is a folder above in which group {path['gid']} can replace files"


MEMBER = FileAccessLimited()
