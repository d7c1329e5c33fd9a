"""Which framework applies, decided by declared facts and the rules in its catalogue.

How the rules are read (`applicability_facts.yaml`): from the top; the first whose condition is true
decides. A condition over a fact that nobody declared is unknown; an unknown rule that could decide
before the first true one makes the answer `undetermined`, and the missing facts are named. When no
rule is true and none unknown, `otherwise` holds. A fact with an assumed value uses that value until
it is declared; assumptions only ever make a law apply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.errors import SettingsError
from assay.law.catalogues import catalogue
from assay.vocabulary import Applicability

_UNKNOWN = None


def applicability(framework: str, declared: Mapping[str, Any]) -> Applicability:
    """Whether the framework applies to whoever declared these facts."""
    rules = catalogue(framework)["applicability"]
    facts = _with_assumptions(declared)
    missing: list[str] = []
    for rule in rules["rules"]:
        undeclared: list[str] = []
        truth = _truth(rule["when"], facts, undeclared)
        if truth is _UNKNOWN:
            missing += undeclared
            continue
        if truth and not missing:
            return Applicability(
                framework, rule["then"], rule["id"], rule["reason"], rule["source"]
            )
        if truth:
            break
    if missing:
        reason = "facts that decide it were not declared"
        names = tuple(dict.fromkeys(missing))
        return Applicability(framework, "undetermined", "", reason, "", names)
    reason = "no rule that makes it apply is true"
    return Applicability(framework, rules["otherwise"], "otherwise", reason, "")


def check_facts(declared: Mapping[str, Any]) -> None:
    """Refuse facts that the catalogue does not know, and values that they cannot have.

    Raises:
        SettingsError: names the fact and what it may be.
    """
    known = {row["id"]: row for row in catalogue("applicability_facts")["facts"]}
    for name, value in declared.items():
        if name not in known:
            raise SettingsError(
                f"assay.toml: there is no fact {name!r}.",
                next_step=f"The facts are: {', '.join(sorted(known))}.",
            )
        _check_value(name, value, known[name])


def _check_value(name: str, value: Any, fact: Mapping[str, Any]) -> None:
    kind = fact["type"]
    fits = {
        "set": isinstance(value, Sequence) and not isinstance(value, str),
        "countries": isinstance(value, Sequence) and not isinstance(value, str),
        "boolean": isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
    }[kind]
    if not fits:
        raise SettingsError(
            f"assay.toml: the fact {name!r} is to be a {kind}.",
            next_step=f"It asks: {fact['question']}?",
        )
    strangers = [item for item in value if item not in fact["values"]] if "values" in fact else []
    if strangers:
        raise SettingsError(
            f"assay.toml: the fact {name!r} cannot be {strangers[0]!r}.",
            next_step=f"It may hold: {', '.join(fact['values'])}.",
        )


def _with_assumptions(declared: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = catalogue("applicability_facts")["facts"]
    assumed = {row["id"]: row["assumed"] for row in rows if "assumed" in row}
    return {**assumed, **declared}


def _truth(when: Mapping[str, Any], facts: Mapping[str, Any], missing: list[str]) -> bool | None:
    """True, False, or None when an undeclared fact decides; its name goes to `missing`."""
    if "all" in when:
        return _joined([_truth(part, facts, missing) for part in when["all"]], decisive=False)
    if "any" in when:
        return _joined([_truth(part, facts, missing) for part in when["any"]], decisive=True)
    if "not" in when:
        inner = _truth(when["not"], facts, missing)
        return None if inner is None else not inner
    if when["fact"] not in facts:
        missing.append(when["fact"])
        return _UNKNOWN
    return _holds(when, facts[when["fact"]])


def _joined(parts: Sequence[bool | None], *, decisive: bool) -> bool | None:
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _holds(when: Mapping[str, Any], value: Any) -> bool:
    if "is" in when:
        return bool(value == when["is"])
    if "at_least" in when:
        return bool(value >= when["at_least"])
    held = set(value)
    if "any_of" in when:
        return bool(held & set(when["any_of"]))
    if "none_of" in when:
        return not held & set(when["none_of"])
    groups = catalogue("applicability_facts")["groups"]
    if "in_group" in when:
        return bool(held & set(groups[when["in_group"]]))
    return bool(held - set(groups[when["outside_group"]]))
