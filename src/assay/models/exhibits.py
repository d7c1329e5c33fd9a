"""Pictures of examples as PNG, for people who want to see what an attack did."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from assay import canonical
from assay.models.domain import to_units
from assay.vocabulary import Exhibit

if TYPE_CHECKING:
    from assay.models.interface import Floats, InputDomain

_DRAWABLE_CHANNELS = (1, 3)


def drawable(x: Floats) -> bool:
    """True for images of one channel (grey) or three (red, green, blue)."""
    return x.ndim == 4 and x.shape[1] in _DRAWABLE_CHANNELS


def picture(domain: InputDomain, example: Floats) -> Exhibit:
    """One image (channels, height, width) as PNG in 8 bits; the same bytes for the same image.

    The file is for the eye: what an attack changed below 1/255 of the domain does not show.
    """
    from PIL import Image

    pixels = np.rint(to_units(domain, example[None])[0] * 255).astype(np.uint8)
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    data = stream.getvalue()
    return Exhibit(canonical.digest(data), "image/png", data)
