"""Hardware addresses of network devices.

IEEE 802 MAC-48 in the forms with colons, hyphens and Cisco's points. An address of a phone points
at its owner.
"""

from __future__ import annotations

from assay.data.interface import Detector


def _is_one_device(text: str) -> bool:
    return len({character for character in text.lower() if character.isalnum()}) > 1


MEMBER = Detector(
    entity="mac_address",
    noun="hardware addresses",
    headers=(
        "mac address",
        "mac addr",
        "macaddress",
        "hardware address",
        "bluetooth address",
        "wifi mac",
        "device mac",
        "bssid",
        "mac adresse",
        "adresse mac",
    ),
    exact_headers=("mac",),
    patterns=(
        r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}",
        r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}",
        r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
    ),
    weak_patterns=(r"[0-9A-Fa-f]{12}",),
    in_text=(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}",),
    validate=_is_one_device,
    content_alone=True,
    examples=("00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7", "001b.4411.3ab7"),
    near_misses=("ff:ff:ff:ff:ff:ff", "12:30:45", "00:1b:44:11:3a", "00:1g:44:11:3a:b7"),
)
