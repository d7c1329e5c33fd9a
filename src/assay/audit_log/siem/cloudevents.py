"""CloudEvents 1.0.2 in the JSON format, structured mode, one event a line.

Source: cloudevents.io, "CloudEvents - Version 1.0.2" and "JSON Event Format", 2022. The envelope has the
required attributes `id`, `source`, `specversion` and `type`, the optional `subject`, `time` and
`datacontenttype`, and four extensions: `sequence` (of the Sequence extension: the entry's index, 20
digits so that text order is log order), `logorigin`, `entrydigest` and `severity`. `data` is the entry
itself, so its canonical bytes (RFC 8785) are the bytes that the log hashed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from assay.audit_log.siem.interface import LoggedEvent, SiemFormat, event_in
from assay.canonical import canonical_bytes, instant, to_json
from assay.vocabulary import Json

TYPE_PREFIX = "local.assay.audit."
_INDEX_DIGITS = 20


def _of_event(logged: LoggedEvent) -> Mapping[str, Json]:
    event = logged.event
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": "//" + quote(logged.origin, safe="/:.-_~"),
        "type": TYPE_PREFIX + event.type,
        "subject": f"{event.target.kind}:{event.target.name}",
        "time": instant(event.occurred_at),
        "datacontenttype": "application/json",
        "sequence": str(logged.index).zfill(_INDEX_DIGITS),
        "logorigin": logged.origin,
        "entrydigest": logged.digest,
        "severity": event.severity.word,
        "data": {"v": 1, **cast(Mapping[str, Json], to_json(event))},
    }


def _to_event(line: Any) -> LoggedEvent:
    event = event_in(canonical_bytes(line["data"]))
    return LoggedEvent(event, int(line["sequence"]), line["logorigin"], line["entrydigest"])


MEMBER = SiemFormat(
    name="cloudevents",
    title="CloudEvents",
    version="1.0.2",
    media_type="application/cloudevents+json",
    of_event=_of_event,
    to_event=_to_event,
)
