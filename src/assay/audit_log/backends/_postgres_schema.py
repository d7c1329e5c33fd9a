"""The tables of a log in PostgreSQL, made when the log is begun; see docs/formats/log-postgresql.md.

`entry`, `cited`, `checkpoint` and `head` are evidence; `node`, `event_id`, `event`, `kind` and `word`
can be made again from them. The number of an entry is explicit: a sequence would leave gaps after a
rollback and give numbers in another order than that of commits.
"""

from __future__ import annotations

from assay.audit_log.backends.postgres_session import Place, Session, Statements
from assay.errors import LogError

VERSION = 1

# What has no bound or may hold a zero byte (an actor, an outcome) is `bytea`, and is indexed by a key
# of 16 bytes: a B-tree refuses rows above 2,704 bytes, and `text` refuses the zero byte.
SCHEMA = """
CREATE TABLE about (one smallint PRIMARY KEY CHECK (one = 1),
                    version integer NOT NULL, origin text NOT NULL);
CREATE TABLE entry (idx bigint PRIMARY KEY CHECK (idx >= 0), bytes bytea NOT NULL,
                    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32));
CREATE TABLE cited (digest text PRIMARY KEY, media_type text NOT NULL, bytes bytea NOT NULL);
CREATE TABLE checkpoint (size bigint PRIMARY KEY, note text NOT NULL);
CREATE TABLE published (one smallint PRIMARY KEY CHECK (one = 1),
                        size bigint NOT NULL, note text NOT NULL);
CREATE TABLE head (one smallint PRIMARY KEY CHECK (one = 1),
                   size bigint NOT NULL, subtrees bytea NOT NULL, note text)
       WITH (fillfactor = 10);
CREATE TABLE archived (one smallint PRIMARY KEY CHECK (one = 1), minimum bigint NOT NULL);
CREATE TABLE tile (n bigint PRIMARY KEY, hashes bytea NOT NULL);
CREATE TABLE node (level smallint NOT NULL, idx bigint NOT NULL, hash bytea NOT NULL,
                   PRIMARY KEY (level, idx));
CREATE TABLE event_id (key bytea PRIMARY KEY, idx bigint NOT NULL, id bytea);
CREATE TABLE kind (key bytea PRIMARY KEY, type text NOT NULL, severity smallint NOT NULL,
                   outcome bytea NOT NULL);
CREATE TABLE word (key bytea PRIMARY KEY, text bytea NOT NULL);
CREATE TABLE event (idx bigint PRIMARY KEY, occurred_at bigint NOT NULL, kind bytea NOT NULL,
                    actor bytea NOT NULL, target bytea NOT NULL);
CREATE INDEX event_by_time ON event (occurred_at, idx);
CREATE INDEX event_by_kind ON event (kind, occurred_at, idx);
CREATE INDEX event_by_actor ON event (actor, occurred_at, idx);
CREATE INDEX event_by_target ON event (target, occurred_at, idx);
INSERT INTO head VALUES (1, 0, '', NULL);
INSERT INTO archived VALUES (1, 0)
"""

_IS_THERE = """
SELECT 1 FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
WHERE nspname = %s AND relname = 'about'
"""


def make_schema(session: Session, place: Place, origin: str, lock: int) -> None:
    """Begin a log where there is none; harmless where there is one, or when two do it at once.

    Raises:
        LogError: it is not there, and the role may not create it; or as `check_schema`.
    """
    if not session.rows(_IS_THERE, (place.schema,)):
        with session.transaction() as work:
            work.rows("SELECT pg_advisory_xact_lock(%s)::text", (lock,))
            if not work.rows(_IS_THERE, (place.schema,)):
                _make(work, place, origin)
    check_schema(session, place, origin)


def check_schema(session: Session, place: Place, origin: str) -> None:
    """Whether the log that is there is one that can be used with this key.

    Raises:
        LogError: there is none, it has another version, or it is the log of another key.
    """
    if not session.rows(_IS_THERE, (place.schema,)):
        raise LogError(f"There is no log at {place.name}.", next_step="`assay assess` begins one.")
    about = f'SELECT version, origin FROM "{place.schema}".about'  # noqa: S608 - a plain name
    version, found = (session.rows(about) or [(None, None)])[0]
    if version != VERSION:
        raise LogError(
            f"The log {place.name} has version {version} of its format, this assay reads {VERSION}.",
            next_step="Use the assay that wrote it, or verify an export of it.",
        )
    if found != origin:
        raise LogError(
            f"The log {place.name} is the log {found}, not {origin}.",
            next_step="Give the URL and the schema of this key's own log.",
        )


def _make(work: Statements, place: Place, origin: str) -> None:
    if not work.rows("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (place.schema,)):
        work.execute(f'CREATE SCHEMA "{place.schema}"')
    for statement in SCHEMA.split(";"):
        work.execute(statement)
    work.execute("INSERT INTO about VALUES (1, %s, %s)", (VERSION, origin))
