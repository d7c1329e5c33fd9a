"""The label of a column, from its header and its tally. Pure: the same tally, the same label.

The rules, in order:

1. A fitting header and plausible values (at least half of them) name the entity.
2. Without a fitting header, content names it where the detector is convincing alone and its share
   of sound values is reached.
3. Of several, the surest wins; of equally sure ones the higher level.
4. A column of sentences that hold sensitive values is free text with personal data.
5. Precise finds in a column that is something else are rare finds, and raise its level.
6. Where nearly all values have a form and too few of them hold as such, chance explains those that
   do: one in ten for a check digit, four in five for part numbers that look like telephones.
7. A header without values is a weak hint; a header that its values contradict is none.

Confidence is a score that orders labels (0..1), not a probability.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assay.data.detectors import detector_of, every_detector, policies
from assay.data.headers import HeaderFit
from assay.data.interface import ColumnLabel, Detector, RareFind
from assay.data.scan import fitting_headers
from assay.data.tally import EntityTally, Tally
from assay.vocabulary import Category, SecurityLevel

_PLAUSIBLE_SHARE = 0.5
_PROSE_SHARE = 0.3
_MIXED_SHARE = 0.2
"""From this share of precise finds on, a column is of that type, among others."""
_CHECKED_SHARE = 0.3
"""A check digit passes one time in ten by chance; below this share, chance explains what passed."""
_FORMED_SHARE, _SOUND_SHARE = 0.8, 0.85
"""Where this share of all values has a form, that share of those must hold as such."""
_CHANCE_ROWS = 10
_GAZETTEER_SHAPED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class _Candidate:
    entity: str
    confidence: float
    matched_rows: int
    why: str

    @property
    def rank(self) -> tuple[float, int, str]:
        return round(self.confidence, 3), policies()[self.entity].level, self.entity


def decide(header: str, tally: Tally) -> ColumnLabel:
    """What a column holds, how sure that is, and why."""
    finds = _finds(tally)
    best = max(_candidates(header, tally), key=lambda found: found.rank, default=None)
    if best is None:
        best = _free_text(tally, finds) or _mixed(tally, finds)
    if best is None:
        return _nothing(header, tally)
    policy = policies()[best.entity]
    rare = tuple(find for find in finds if _is_rare(find, best.entity, tally))
    levels = (policy.level, *(policies()[find.entity].level for find in rare))
    return ColumnLabel(
        name=header,
        category=policy.category,
        entity=best.entity,
        level=max(levels),
        confidence=round(best.confidence, 3),
        matched_rows=best.matched_rows,
        nonnull_rows=tally.nonnull,
        rare=rare,
        why=(best.why, *(_rare_in_words(find) for find in rare), *_unread(tally)),
    )


def percent(part: int, whole: int) -> str:
    """A share in words, `0.5 %`; never `100 %` or `0 %` of what is not all or nothing."""
    share = 100 * part / whole if whole else 0.0
    if part in (0, whole):
        return f"{share:.0f} %"
    return f"{min(share, 99.9):.1f} %" if share >= 0.1 else "below 0.1 %"


def _candidates(header: str, tally: Tally) -> Iterator[_Candidate]:
    fits = fitting_headers(header)
    for detector in every_detector():
        seen = tally.of(detector.entity)
        fit = fits.get(detector.entity)
        found = _by_header(detector, fit, seen, tally) if fit else None
        found = found or _by_content(detector, seen, tally)
        if found:
            yield found


def _by_header(
    detector: Detector, fit: HeaderFit, seen: EntityTally, tally: Tally
) -> _Candidate | None:
    entity, phrase = detector.entity, fit.phrase
    if not tally.nonnull:
        why = f"header words '{phrase}' alone: the column holds no values to look at"
        return _Candidate(entity, 0.3, 0, why) if not tally.unread else None
    share = seen.sound / tally.nonnull
    if share < _PLAUSIBLE_SHARE:
        return None
    confidence = 0.5 + 0.35 * share + (0.03 if fit.exact else 0.0)
    confidence += 0.1 if detector.content_alone else 0.0
    why = (
        f"header words '{phrase}' and {percent(seen.sound, tally.nonnull)} of {tally.nonnull} "
        f"values are {detector.noun}"
    )
    return _Candidate(entity, confidence, seen.sound, why)


def _by_content(detector: Detector, seen: EntityTally, tally: Tally) -> _Candidate | None:
    if not detector.content_alone or not seen.sound:
        return None
    share = seen.sound / tally.nonnull
    if share < detector.content_share or _by_chance(detector, seen, tally):
        return None
    of_all = f"of {tally.nonnull} values"
    if not detector.words:
        why = f"{percent(seen.sound, tally.nonnull)} {of_all} are {detector.noun}"
        return _Candidate(detector.entity, 0.92 * share, seen.sound, f"{why}, whatever the header")
    if seen.shaped < _GAZETTEER_SHAPED_SHARE * tally.nonnull:
        return None
    why = (
        f"{percent(seen.shaped, tally.nonnull)} {of_all} have the form of {detector.noun} and "
        f"{percent(seen.sound, tally.nonnull)} hold a known word"
    )
    return _Candidate(detector.entity, 0.5 + 0.3 * share, seen.shaped, why)


def _free_text(tally: Tally, finds: tuple[RareFind, ...]) -> _Candidate | None:
    if not finds or tally.prose < _PROSE_SHARE * tally.nonnull:
        return None
    rows = max(find.rows for find in finds)
    kinds = ", ".join(detector_of(find.entity).noun for find in finds)
    why = f"{percent(tally.prose, tally.nonnull)} of {tally.nonnull} values are text, with {kinds}"
    confidence = 0.75 + 0.2 * min(1.0, 10 * rows / tally.nonnull)
    return _Candidate("free_text_pii", confidence, rows, why)


def _mixed(tally: Tally, finds: tuple[RareFind, ...]) -> _Candidate | None:
    """The type of the finds in a column that is otherwise none: the highest level, then the most."""
    if not finds:
        return None
    top = max(finds, key=lambda find: (policies()[find.entity].level, find.rows))
    noun = detector_of(top.entity).noun
    why = f"{percent(top.rows, tally.nonnull)} of {tally.nonnull} values hold {noun}"
    return _Candidate(top.entity, 0.7, top.rows, why)


def _finds(tally: Tally) -> tuple[RareFind, ...]:
    """Precise finds inside values that chance does not explain."""
    return tuple(
        RareFind(entity, seen.in_text, seen.first_rows)
        for entity, seen in sorted(tally.entities.items())
        if seen.in_text and not _by_chance(detector_of(entity), seen, tally)
    )


def _by_chance(detector: Detector, seen: EntityTally, tally: Tally) -> bool:
    """Whether what is sound is what other numbers of the same form give by chance."""
    for sound, shaped in ((seen.sound, seen.shaped), (seen.in_text, seen.in_text_shaped)):
        if detector.words or shaped < _CHANCE_ROWS:
            continue
        if sound < _CHECKED_SHARE * shaped:
            return True
        if shaped >= _FORMED_SHARE * tally.nonnull and sound < _SOUND_SHARE * shaped:
            return True
    return False


def _is_rare(find: RareFind, entity: str, tally: Tally) -> bool:
    if entity == "free_text_pii":
        return True
    return find.rows < _MIXED_SHARE * tally.nonnull if find.entity == entity else True


def _nothing(header: str, tally: Tally) -> ColumnLabel:
    why = tuple(_contradictions(header, tally)) or (
        f"nothing sensitive in {tally.nonnull} values" if tally.nonnull else "no values to look at",
    )
    contradicted = bool(fitting_headers(header)) or tally.unread > 0
    return ColumnLabel(
        name=header,
        category=Category.NONE,
        entity=None,
        level=SecurityLevel.INTERNAL,
        confidence=0.5 if contradicted or not tally.nonnull else 0.9,
        matched_rows=0,
        nonnull_rows=tally.nonnull,
        rare=(),
        why=(*why, *_unread(tally)),
    )


def _contradictions(header: str, tally: Tally) -> Iterator[str]:
    fits = fitting_headers(header)
    for detector in every_detector():
        seen = tally.of(detector.entity)
        of_all = f"of {tally.nonnull} values"
        if fit := fits.get(detector.entity):
            share = percent(seen.sound, tally.nonnull)
            yield f"header words '{fit.phrase}', but only {share} {of_all} are {detector.noun}"
        elif _by_chance(detector, seen, tally) and seen.shaped > _PLAUSIBLE_SHARE * tally.nonnull:
            share = percent(seen.shaped, tally.nonnull)
            yield f"{share} {of_all} have the form of {detector.noun}, few or none hold as such"


def _rare_in_words(find: RareFind) -> str:
    first = ", ".join(map(str, find.first_rows))
    return f"{find.rows} rows hold {detector_of(find.entity).noun}, first in rows {first}"


def _unread(tally: Tally) -> tuple[str, ...]:
    return (f"{tally.unread} values could not be looked at",) if tally.unread else ()
