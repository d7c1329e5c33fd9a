"""Internet addresses, IPv4 and IPv6.

RFC 791 and RFC 4291 as Python's `ipaddress` reads them, with an optional prefix length or port. A
quad of single digits is taken as a version number (`1.2.3.4`), and so is, inside text, one that
starts with a single digit (`rv:1.9.6.20`), at the price of a few real addresses. Personal data by
Court of Justice C-582/14 (Breyer).
"""

from __future__ import annotations

import ipaddress
import re

from assay.data.interface import Detector

_QUAD = r"\d{1,3}(?:\.\d{1,3}){3}"
_SIX = r"(?:[0-9A-Fa-f]{1,4}:){2,7}(?:(?::?[0-9A-Fa-f]{1,4}){1,6}|:)|::(?:[0-9A-Fa-f]{1,4}:?){1,7}"


def _is_address(text: str) -> bool:
    host = re.sub(r"/\d{1,3}$", "", text)
    host = re.sub(r"(?<=\d\.\d)(\d*):\d{1,5}$|^(\d[\d.]*):\d{1,5}$", r"\1\2", host)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.version == 4:
        return not re.fullmatch(r"\d\.\d\.\d\.\d", host) and not host.startswith("0.")
    return True


MEMBER = Detector(
    entity="ip_address",
    noun="internet addresses",
    headers=(
        "ip",
        "ip address",
        "ip addr",
        "ipaddress",
        "ipaddr",
        "ipv 4",
        "ipv 6",
        "remote addr",
        "remote host",
        "client address",
        "x forwarded for",
        "ip adresse",
        "adresse ip",
        "direccion ip",
    ),
    not_beside=frozenset({"rating", "protocol", "code", "67", "68"}),
    patterns=(_QUAD + r"(?:[:/]\d{1,5})?", rf"(?:{_SIX})(?:/\d{{1,3}})?"),
    in_text=(r"\d{2,3}(?:\.\d{1,3}){3}", _SIX),
    min_digits=2,
    validate=_is_address,
    content_alone=True,
    examples=("203.0.113.77", "10.20.30.40:8080", "2001:db8::ff00:42:8329", "192.168.0.0/16"),
    near_misses=(
        "1.2.3.4",
        "119.0.6045.105",
        "256.1.1.1",
        "12:34:56",
        "2024.01.15",
        "00:1b:44:11:3a:b7",
    ),
)
