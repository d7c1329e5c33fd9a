"""Connection strings that carry a password.

RFC 3986 user information (`scheme://user:password@host`) and the key-value form of database
drivers. A string without a password is none; a host name is no secret.
"""

from __future__ import annotations

from assay.data.interface import Detector

_URL = (
    r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:[^\s:/@]{3,}@[A-Za-z0-9][A-Za-z0-9.-]*"
    r"(?::\d{1,5})?(?:/[^\s]*)?"
)
_PAIRS = (
    r"(?i:(?:server|data source|host|accountname)=[^;\s]+;(?:[^;]+;)*"
    r"(?:password|pwd|accountkey)=[^;\s]{4,}(?:;.*)?)"
)


MEMBER = Detector(
    entity="connection_string",
    noun="connection strings with a password",
    headers=(
        "connection string",
        "connectionstring",
        "database url",
        "db url",
        "dsn",
        "jdbc url",
        "redis url",
        "conn str",
    ),
    patterns=(_URL, _PAIRS),
    in_text=(_URL,),
    content_alone=True,
    examples=(
        "postgresql://app:hunter2@db.example.org:5432/prod",
        "Server=db.example.org;Database=prod;User Id=app;Password=hunter22;",
    ),
    near_misses=(
        "https://example.org/a:b",
        "postgresql://db.example.org/prod",
        "Server=db;Database=x;",
    ),
)
