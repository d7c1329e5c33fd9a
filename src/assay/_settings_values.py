"""The kinds of single values in assay.toml, each with what is wrong said in words."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PERIOD = re.compile(r"P(\d{1,4}[YMWD]){1,4}")
_LINE_CHARACTERS_MAX = 200
_PATH_BYTES_MAX, _PATH_PART_BYTES_MAX = 4_000, 255
_EXACT_INTEGER_MAX = 2**53 - 1
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a name has at most 64 letters, digits, '_', '-' and '.', and begins with a letter or digit"
        )
    return text


def _period(text: str) -> str:
    if not _PERIOD.fullmatch(text):
        raise ValueError("a period is written like P10Y, P6M or P30D")
    return text


def _line(text: str) -> str:
    if not text.strip() or len(text) > _LINE_CHARACTERS_MAX:
        raise ValueError(f"1 to {_LINE_CHARACTERS_MAX} characters are expected")
    if any(unicodedata.category(character) in _UNSEEN for character in text):
        raise ValueError("a line of text has no line breaks and no control characters")
    return text


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("a path has no NUL in it")
    parts = text.encode("utf-8", "surrogateescape").split(b"/")
    if len(text) > _PATH_BYTES_MAX or max(map(len, parts)) > _PATH_PART_BYTES_MAX:
        raise ValueError("the path is longer than a file system allows")
    try:
        Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("there is no such home folder") from error
    return text


def _fact(value: Any) -> Any:
    """Text, yes or no, a number, an array of texts, or a table of such."""
    if isinstance(value, dict):
        return {key: _fact(item) for key, item in value.items()}
    whole = isinstance(value, int) and abs(value) <= _EXACT_INTEGER_MAX
    real = isinstance(value, float) and abs(value) < float("inf")
    words = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if not (whole or real or words or isinstance(value, str)):
        raise ValueError("a fact is true, false, a text, a number, or an array of texts")
    return value


Name = Annotated[str, AfterValidator(_name)]
Period = Annotated[str, AfterValidator(_period)]
Line = Annotated[str, AfterValidator(_line)]
PathText = Annotated[str, AfterValidator(_path)]
Fact = Annotated[Any, BeforeValidator(_fact)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Epsilon = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
