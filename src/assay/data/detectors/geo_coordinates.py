"""Places on earth by latitude and longitude.

WGS 84 in decimal degrees: a pair in one column convinces with four decimals or more (about ten
metres), a single number needs a fitting header.
"""

from __future__ import annotations

import re

from assay.data.interface import Detector


def _is_on_earth(text: str) -> bool:
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text, re.ASCII)]
    if len(numbers) == 1:
        return -180 <= numbers[0] <= 180
    return abs(numbers[0]) <= 90 and abs(numbers[1]) <= 180


_DEGREES = r"[-+]?\d{1,3}\.\d{4,15}"

MEMBER = Detector(
    entity="geo_coordinates",
    noun="coordinates",
    headers=(
        "latitude",
        "longitude",
        "gps",
        "geo location",
        "geolocation",
        "lat lon",
        "lat lng",
        "lat long",
        "coordinates",
        "home lat",
        "home lon",
        "koordinaten",
        "breitengrad",
        "langengrad",
        "latitud",
        "longitud",
    ),
    exact_headers=("lat", "lon", "lng", "long"),
    patterns=(rf"[(\[]?{_DEGREES}[,; ] ?{_DEGREES}[)\]]?",),
    weak_patterns=(r"[-+]?\d{1,3}(?:\.\d{1,15})?", r"POINT ?\([-+0-9. ]+\)"),
    min_digits=1,
    validate=_is_on_earth,
    content_alone=True,
    number_range=(-180, 180),
    examples=("52.520008, 13.404954", "(-33.868820,151.209290)", "40.7127 -74.0059"),
    near_misses=("52.5, 13.4", "152.520008, 13.404954", "1.5", "52.520008"),
)
