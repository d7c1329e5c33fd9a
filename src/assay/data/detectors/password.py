"""Passwords, and their hashes.

The formats of crypt(3) (bcrypt, SHA-crypt, yescrypt) and Argon2 convince alone; a password itself
is any text without spaces and needs a fitting header, or inside text a `password=` before it.
"""

from __future__ import annotations

from assay.data.interface import Detector

_NO_SECRETS = frozenset({"true", "false", "none", "null", "yes", "reset", "[redacted]", "changed"})


def _is_secret(text: str) -> bool:
    value = text.replace("=", ":").rpartition(":")[2].strip().lower()
    return value not in _NO_SECRETS and len(set(value)) > 1


MEMBER = Detector(
    entity="password",
    noun="passwords or hashes of them",
    headers=(
        "password",
        "passwd",
        "passwort",
        "kennwort",
        "passphrase",
        "pass phrase",
        "password hash",
        "passwd hash",
        "hashed password",
        "encrypted password",
        "mot de passe",
        "contrasena",
        "user password",
        "db password",
    ),
    exact_headers=("pwd", "pass", "pin", "pin code", "security answer", "clave"),
    not_beside=frozenset({"age", "date", "hint", "question", "days"}),
    patterns=(
        r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}",
        r"\$argon2(?:i|d|id)\$[^\s]{20,}",
        r"\$[156y]\$[^\s]{20,}",
        r"pbkdf2_sha\d{1,3}\$[^\s]{20,}",
    ),
    weak_patterns=(r"\S{4,}",),
    in_text=(r"(?i:password|passwd|passwort|pwd)(?:\s?[:=]\s?|\sis\s)[^\s,;]{4,}",),
    validate=_is_secret,
    content_alone=True,
    examples=(
        "$2b$12$" + "ab" * 26 + "c",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
    ),
    near_misses=("$20.00", "password", "$2b$12$short", "hunter2"),
)
