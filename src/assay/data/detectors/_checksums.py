"""Check digits that several detectors share.

Luhn (ISO/IEC 7812-1 annex B) for cards and provider numbers, mod 97 (ISO/IEC 7064) for IBAN and the
French number, mod 11,10 (ISO/IEC 7064) for the German tax number.
"""

from __future__ import annotations

from collections.abc import Sequence

_DOUBLED = str.maketrans("0123456789", "0246813579")
_PUNCTUATION = str.maketrans("", "", " -./()+")


def luhn(digits: str) -> bool:
    """Whether the last of these ASCII digits is the Luhn check digit of the others."""
    # Doubling a digit and adding the digits of the result maps 0123456789 to 0246813579.
    return sum(map(int, digits[::-2] + digits[-2::-2].translate(_DOUBLED))) % 10 == 0


def mod97(text: str) -> int:
    """The remainder by 97 of digits and letters, a letter counting as 10 to 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97


def mod11_10(digits: str) -> bool:
    """Whether the last digit is the ISO 7064 mod 11,10 check digit of the others."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[-1])


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of the digits, each times its weight."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def digits_of(text: str) -> str:
    """The ASCII digits of a text."""
    plain = text.translate(_PUNCTUATION)
    if plain.isdecimal() and plain.isascii():
        return plain
    return "".join(character for character in text if "0" <= character <= "9")
