"""Keyed pseudonyms: HMAC-SHA-256 over a domain and a value (RFC 2104), never a plain hash.

A plain hash of a name or an address is undone by trying the likely values; with a key that stays
outside the data it is not. The same value has the same pseudonym within a domain (`actor`,
`subject`) and an unrelated one in another. A pseudonym is still personal data for whoever has the
key (GDPR Art. 4(5)).
"""

from __future__ import annotations

import hashlib
import hmac

_SEPARATOR = b"\x00"
_LENGTH_BYTES = 16


def pseudonym(key: bytes, domain: str, value: str) -> str:
    """`domain:` and 32 hexadecimal digits; 128 bits, so that ten million do not collide.

    Raises:
        ValueError: the key is shorter than 32 bytes.
    """
    if len(key) < 32:
        raise ValueError("a pseudonym key has at least 32 bytes")
    mac = hmac.new(key, domain.encode() + _SEPARATOR + value.encode(), hashlib.sha256)
    return f"{domain}:{mac.digest()[:_LENGTH_BYTES].hex()}"
