"""Names under which people sign in.

Any short word without spaces is one, so a fitting header is needed. Numeric user ids are not
counted: they name a record, not an account that a person types.
"""

from __future__ import annotations

import re

from assay.data.interface import Detector


def _has_letter(text: str) -> bool:
    return re.search(r"[A-Za-z]", text) is not None and text.lower() not in {"true", "false"}


MEMBER = Detector(
    entity="username",
    noun="user names",
    headers=(
        "username",
        "user name",
        "login name",
        "user login",
        "screen name",
        "screenname",
        "nickname",
        "nick name",
        "user handle",
        "twitter handle",
        "benutzername",
        "benutzerkennung",
        "nom d utilisateur",
        "nombre de usuario",
        "sam account name",
        "logon name",
        "uid name",
    ),
    exact_headers=(
        "login",
        "handle",
        "user",
        "usuario",
        "utilisateur",
        "benutzer",
        "alias",
        "nick",
    ),
    patterns=(r"@?[A-Za-z0-9_][\w.@+\\-]{1,63}",),
    validate=_has_letter,
    examples=("ada.lovelace", "jdoe42", "CORP\\jdoe", "@ada"),
    near_misses=("12345", "Ada Lovelace", "true", "a"),
)
