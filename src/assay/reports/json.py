"""The assessment as JSON for other programs, in one file that verifies by itself.

The form is published as `schemas/assessment-1.json` (JSON Schema, draft 2020-12); `schema` is its
version. The bytes are canonical (RFC 8785), so the bytes of each observation stand in the file as
they were hashed: SHA-256 over them is the digest of their evidence. Exhibits, the pictures that
observations cite, are base64 beside their digest. The log's root is hexadecimal.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from assay.canonical import canonical_bytes, to_json
from assay.reports.interface import Told, nobody
from assay.vocabulary import Assessment, Exhibit, Json

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class JsonReport:
    """The assessment as canonical JSON."""

    name: str = "json"
    suffix: str = ".json"
    media_type: str = "application/json"

    def render(self, assessment: Assessment, told: Told = nobody) -> bytes:
        """Canonical bytes, and a line feed at the end."""
        value = to_json(assessment)
        assert isinstance(value, dict)  # noqa: S101 - a dataclass is an object
        exhibits = [_exhibit(exhibit) for exhibit in assessment.exhibits]
        return canonical_bytes({**value, "schema": SCHEMA, "exhibits": exhibits}) + b"\n"


def _exhibit(exhibit: Exhibit) -> Json:
    return {
        "digest": exhibit.digest,
        "media_type": exhibit.media_type,
        "base64": base64.b64encode(exhibit.data).decode(),
    }


MEMBER = JsonReport()
