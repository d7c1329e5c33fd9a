"""A reader that has never seen assay: written from `docs/formats/tiles.md` and `notes.md` alone.

It imports the standard library and `cryptography`, and stops at the first thing that is not as the
pages say, with an AssertionError that names it. It is slow and simple on purpose.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def merkle_root(hashes: list[bytes]) -> bytes:
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha256(b"\x01" + merkle_root(hashes[:k]) + merkle_root(hashes[k:]))


def verifier_key(text: str) -> tuple[str, bytes, int, bytes]:
    """Name, key id, type and public key of a verifier key's text."""
    name, key_id, encoded = text.split("+", 2)
    typed = base64.b64decode(encoded, validate=True)
    assert sha256(name.encode() + b"\n" + typed)[:4] == bytes.fromhex(key_id), "key id"
    return name, bytes.fromhex(key_id), typed[0], typed[1:]


def open_checkpoint(note: str, log_keys: list[str], witness_keys: list[str]) -> tuple[int, bytes]:
    """Size and root of a checkpoint that every one of these keys signed."""
    text, _, tail = note.rpartition("\n\n")
    text += "\n"
    assert tail.endswith("\n"), "note"
    signatures = []
    for line in tail[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        assert dash == "\u2014", "signature line"
        raw = base64.b64decode(encoded, validate=True)
        signatures.append((name, raw[:4], raw[4:]))
    origin, decimal, root = text.split("\n")[:3]
    size, head = int(decimal), base64.b64decode(root, validate=True)
    assert len(head) == 32, "root"
    for key in log_keys + witness_keys:
        name, key_id, kind, public = verifier_key(key)
        assert (name == origin) == (key in log_keys), "name"
        (signature,) = [sig for who, id_, sig in signatures if (who, id_) == (name, key_id)]
        verify(kind, public, signature, text, name, origin, size, head)
    return size, head


def verify(
    kind: int, public: bytes, signature: bytes, text: str, name: str, origin: str, size: int,
    root: bytes,
) -> None:  # fmt: skip
    if kind == 0x01:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
        return
    (seconds,) = struct.unpack(">Q", signature[:8])
    if kind == 0x04:
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        Ed25519PublicKey.from_public_bytes(public).verify(signature[8:], message)
        return
    assert kind == 0x06, "key type"
    message = b"subtree/v1\n\x00"
    message += bytes([len(name.encode())]) + name.encode() + signature[:8]
    message += bytes([len(origin.encode())]) + origin.encode()
    message += struct.pack(">QQ", 0, size) + root
    MLDSA44PublicKey.from_public_bytes(public).verify(signature[8:], message)


def tile_path(level: str, index: int, width: int) -> str:
    text = f"{index % 1000:03}"
    while index := index // 1000:
        text = f"x{index % 1000:03}/{text}"
    return f"tile/{level}/{text}" + (f".p/{width}" if width < 256 else "")


def read_export(
    folder: Path, log_keys: list[str], witness_keys: list[str]
) -> tuple[list[bytes], bytes]:
    """All entries of an exported log, and its root, after everything in the folder was verified."""
    note = (folder / "checkpoint").read_text("utf-8")
    size, root = open_checkpoint(note, log_keys, witness_keys)
    expected = {"checkpoint", "log.vkey"}
    entries: list[bytes] = []
    for start in range(0, size, 256):
        width = min(256, size - start)
        path = tile_path("entries", start // 256, width)
        expected.add(path)
        data = (folder / path).read_bytes()
        for _ in range(width):
            (length,) = struct.unpack(">H", data[:2])
            assert len(data) >= 2 + length, path
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
        assert not data, path
    level, row = 0, [sha256(b"\x00" + entry) for entry in entries]
    assert merkle_root(row) == root, "root"
    while row:
        for start in range(0, len(row), 256):
            hashes = row[start : start + 256]
            path = tile_path(str(level), start // 256, len(hashes))
            expected.add(path)
            assert (folder / path).read_bytes() == b"".join(hashes), path
        full = len(row) // 256
        row = [merkle_root(row[256 * n : 256 * n + 256]) for n in range(full)]
        level += 1
    expected |= read_cited(folder, entries)
    assert (folder / "log.vkey").read_bytes().decode() == "\n".join([*log_keys, ""]), "log.vkey"
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    assert there == expected, "files"
    return entries, root


def read_cited(folder: Path, entries: list[bytes]) -> set[str]:
    paths = set()
    for entry in entries:
        for cite in json.loads(entry)["detail"].get("cites", []):
            digest = cite["digest"].removeprefix("sha256:")
            path = f"cited/sha256/{digest}"
            assert sha256((folder / path).read_bytes()).hex() == digest, path
            paths.add(path)
    return paths


def read_proof(
    text: str, entry: bytes, log_keys: list[str], witness_keys: list[str]
) -> tuple[int, int]:
    """Index of the entry and size of the log that a `.tlog-proof` proves it to be in."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    assert lines.pop(0) == "c2sp.org/tlog-proof@v1", "first line"
    if lines[0].startswith("extra "):
        lines.pop(0)
    word, decimal = lines.pop(0).split(" ")
    assert word == "index", "index"
    index = int(decimal)
    size, root = open_checkpoint(note, log_keys, witness_keys)
    proof = [base64.b64decode(line, validate=True) for line in lines]
    assert index < size, "index"
    assert path_root(sha256(b"\x00" + entry), index, size, proof) == root, "proof"
    assert not proof, "surplus hashes"
    return index, size


def path_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that a leaf and the hashes from leaf to root lead to; takes them from the end."""
    if size == 1:
        return leaf
    k = 1
    while 2 * k < size:
        k *= 2
    sibling = proof.pop()
    if index < k:
        return sha256(b"\x01" + path_root(leaf, index, k, proof) + sibling)
    return sha256(b"\x01" + sibling + path_root(leaf, index - k, size - k, proof))
