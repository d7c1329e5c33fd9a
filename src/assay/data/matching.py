"""The engine: which values of an Arrow array look like a detector's type.

Patterns run as RE2 inside Arrow, one pass a detector; validators and gazetteers run in Python on
the values that a pattern matched. Cheap bounds come first and change no result: the shortest and
longest text that a pattern can match, a string that it needs, how many digits it needs.

A pattern inside text must stand between boundaries. RE2 has no look-around, so it sees them as part
of the match; Python, which cuts the match out for validation, sees the same boundaries around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from assay.data.interface import Detector

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Positions = npt.NDArray[np.int64]

_BEFORE = r"[^\w.@/#%+$-]"
_AFTER = r"""[,;:!?\s)\]}<>"'|&\\/]|\.\W|\.$|$"""
_FILTER_SHARE = 0.7
"""Above this share of candidates, filtering costs more than matching all."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Positions in the array, ascending: shaped and sound values, and the same inside text."""

    shaped: Positions
    sound: Positions
    in_text_shaped: Positions
    in_text: Positions


class TextValues:
    """Text values without nulls, and what several detectors ask of them, computed once.

    `values` is a string array without offset whose values are stripped of white space.
    """

    def __init__(self, values: pa.Array) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def lengths(self) -> Positions:
        """The length of each value in bytes."""
        import numpy as np
        import pyarrow.compute as pc

        return np.asarray(pc.binary_length(self.values), dtype=np.int64)

    @cached_property
    def digits(self) -> Positions:
        """How many ASCII digits each value holds."""
        import numpy as np

        data = np.frombuffer(self._data, dtype=np.uint8)
        running = np.zeros(len(data) + 1, dtype=np.int64)
        np.cumsum((data - 48) < 10, out=running[1:])
        ends = np.cumsum(self.lengths)
        start = 0 if not len(self) else _first_offset(self.values)
        counts: Positions = running[start + ends] - running[start + ends - self.lengths]
        return counts

    def hold(self, text: str) -> bool:
        """Whether the text stands anywhere, maybe across two values: a fast no."""
        return text.encode() in self._data

    @cached_property
    def ascii(self) -> bool:
        """Whether all values are ASCII."""
        return self._data.isascii()

    @cached_property
    def _data(self) -> bytes:
        buffer = self.values.buffers()[2]
        data: bytes = b"" if buffer is None else buffer.to_pybytes()
        return data


def match(text: TextValues, detector: Detector, *, header_fits: bool) -> Matches:
    """Which values look like the detector's type; with a fitting header, weak forms count too."""
    import numpy as np

    if detector.needs and not text.hold(detector.needs):
        none = _positions([])
        return Matches(none, none, none, none)
    forms = detector.patterns + (detector.weak_patterns if header_fits else ())
    shaped = _shaped(text, detector, whole_pattern(forms), whole=True)
    within = _shaped(text, detector, text_pattern(detector.in_text), whole=False)
    sound = _sound(text, shaped, detector.validate)
    if detector.words and not header_fits:
        sound = _with_words(text, sound, detector.words)
    # A value that is sound from end to end need not be searched for a sound part.
    open_question = np.setdiff1d(within, sound, assume_unique=True)
    judged = _sound(text, open_question, _text_judge(detector))
    in_text = np.union1d(np.intersect1d(within, sound, assume_unique=True), judged)
    return Matches(shaped, sound, within, _positions(in_text))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One expression for RE2 and for Python, and the lengths in characters that it can match."""

    re2: str
    python: re.Pattern[str]
    shortest: int
    longest: int


@cache
def whole_pattern(forms: tuple[str, ...]) -> Pattern | None:
    """Any of the forms from end to end; None for no form."""
    if not forms:
        return None
    core = "|".join(f"(?:{form})" for form in forms)
    return Pattern(f"^(?:{core})$", re.compile(core, re.ASCII), *_widths(core))


@cache
def text_pattern(forms: tuple[str, ...]) -> Pattern | None:
    """Any of the forms between boundaries, anywhere; None for no form."""
    if not forms:
        return None
    core = "|".join(f"(?:{form})" for form in forms)
    python = re.compile(f"(?:^|(?<={_BEFORE}))(?:{core})(?={_AFTER})", re.ASCII)
    return Pattern(f"(?:^|{_BEFORE})(?:{core})(?:{_AFTER})", python, _widths(core)[0], _UNBOUNDED)


_UNBOUNDED = 1 << 40


def _widths(core: str) -> tuple[int, int]:
    # The parser is the one that the automaton will compile from; it has no public name in 3.11.
    parser: Any = re._parser  # type: ignore[attr-defined]
    shortest, longest = parser.parse(core).getwidth()
    return int(shortest), min(int(longest), _UNBOUNDED)


def _shaped(
    text: TextValues, detector: Detector, pattern: Pattern | None, *, whole: bool
) -> Positions:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pattern is None:
        return _positions([])
    candidates = text.lengths >= pattern.shortest
    if whole:
        # A character is up to four bytes of UTF-8.
        candidates &= text.lengths <= 4 * pattern.longest
    if detector.min_digits:
        candidates &= text.digits >= detector.min_digits
    share = np.count_nonzero(candidates) / max(len(text), 1)
    if not share:
        return _positions([])
    if share > _FILTER_SHARE:
        return _positions(np.flatnonzero(pc.match_substring_regex(text.values, pattern.re2)))
    chosen = np.flatnonzero(candidates)
    some = text.values.take(pa.array(chosen))
    return _positions(chosen[np.flatnonzero(pc.match_substring_regex(some, pattern.re2))])


def _sound(text: TextValues, shaped: Positions, judge: Callable[[str], bool] | None) -> Positions:
    import pyarrow as pa

    if judge is None or not len(shaped):
        return shaped
    hits = text.values.take(pa.array(shaped)).to_pylist()
    return _positions([place for place, hit in zip(shaped, hits, strict=True) if judge(hit)])


def _text_judge(detector: Detector) -> Callable[[str], bool] | None:
    pattern, validate = text_pattern(detector.in_text), detector.validate
    if pattern is None or validate is None:
        return None
    return lambda value: any(validate(hit.group()) for hit in pattern.python.finditer(value))


def _with_words(text: TextValues, places: Positions, words: frozenset[str]) -> Positions:
    """Of these places, those whose value holds one of the words, accents and case aside."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = text.values.take(pa.array(places))
    if not text.ascii:
        values = pc.utf8_normalize(values, form="NFKD")
        values = pc.replace_substring_regex(values, pattern=r"\pM", replacement="")
    pattern = rf"(?i)(?:^|[^\pL])(?:{'|'.join(sorted(words))})(?:[^\pL]|$)"
    hits = pc.match_substring_regex(values, pattern)
    return _positions(places[np.asarray(hits)])


def _positions(found: Any) -> Positions:
    import numpy as np

    return np.asarray(found, dtype=np.int64)


def _first_offset(values: pa.Array) -> int:
    import numpy as np
    import pyarrow as pa

    kind = np.int64 if pa.types.is_large_string(values.type) else np.int32
    return int(np.frombuffer(values.buffers()[1], dtype=kind)[values.offset])
