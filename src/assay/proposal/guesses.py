"""Which column, network and test data belong to what: guesses from names alone, each with a reason.

The rules, in order:

1. A value is guessed only where something in the folder speaks for it. An empty guess says what a
   person is to fill in.
2. A column is named only when its header names a person's number, a date or a label. Other headers
   are never copied: in a file without headers they are somebody's data.
3. Models, networks, test data and training data are brought together by the words of their names;
   where two fit equally well, neither is taken.
4. A path that TOML or assay.toml cannot hold (not UTF-8, a leading `~`, very long) is no value.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from assay.data.headers import folded, header_words
from assay.proposal.folder import FolderLook, FoundTable

TABLES_MAX, MODELS_MAX = 100, 50
"""So many are proposed, no more: the text stays readable and below the limit of settings."""

TORCH_SUFFIXES = (".safetensors", ".pt", ".pth")
_PATH_CHARACTERS_MAX = 1_000
_NAME_CHARACTERS_MAX = 48
_SHOWN_MAX, _HEADLESS_MAX = 5, 20

_PEOPLE = frozenset(
    header_words(
        "patient subject person customer client user member employee student participant citizen "
        "applicant beneficiary donor resident "
        # German, also as the first half of one word: Kundennummer
        "kunde kunden patienten personen personal mitarbeiter mitglied mitglieds benutzer nutzer "
        "teilnehmer versicherten versicherter bewerber schuler schueler studenten probanden "
        "klienten mieter spender burger buerger matrikel "
        # French
        "personne employe salarie membre utilisateur adherent assure eleve etudiant candidat "
        "usager abonne beneficiaire "
        # Spanish
        "paciente cliente persona empleado miembro usuario alumno estudiante participante socio "
        "afiliado asegurado beneficiario ciudadano solicitante"
    )
)
_NUMBERS = frozenset(
    header_words(
        "id identifier number no nr num key uuid code ref nummer kennung schlussel numero "
        "identifiant matricule identificador codigo"
    )
)
_NUMBERS_FIRST = frozenset(
    header_words("id uuid no n num numero identifiant matricule identificador code codigo")
)
"""French and Spanish put the number before the person."""
_NUMBERS_GLUED = ("id", "no", "nr", "nummer", "number")
_JOINING = frozenset(header_words("de du des d del la le l el der"))
_DATE_WORDS = ("date", "day", "at", "on", "time", "timestamp", "datetime")
_STARTS = header_words(
    "discharged discharge closed ended end admitted admission visited visit encounter created "
    "registered signup collected recorded sampled opened started start"
)
"""Words of dates from which a period may count, the likeliest first."""
_NO_STARTS = frozenset({"birth", "born", "dob", "expiry", "expires", "expired", "due"})
_LABELS = ("label", "labels", "target", "outcome", "class", "y")
_SAY_NOTHING = frozenset(
    header_words(
        "test train training val validation eval holdout data dataset set model models weights net "
        "network final best last latest checkpoint state dict ckpt images pictures img the of build "
        "make create get load cnn mlp"
    )
)
_TESTS = frozenset({"test", "tests", "holdout", "eval", "evaluation", "val", "validation"})


@dataclass(frozen=True, slots=True)
class Guess:
    """A value and what speaks for it; an empty value is none, and `why` says what to fill in."""

    value: str
    why: str
    maybe: str = ""
    """What it could be where nothing speaks for it; it is only ever proposed as a comment."""


@dataclass(frozen=True, slots=True)
class DatasetGuess:
    """What a table is proposed as."""

    name: str
    table: FoundTable
    subject: Guess
    start: Guess
    label: Guess


@dataclass(frozen=True, slots=True)
class ModelGuess:
    """What a file of weights is proposed as."""

    name: str
    source: str
    factory: Guess
    test_data: Guess
    label: Guess
    trained_on: Guess
    image: bool | None


def guess_datasets(look: FolderLook) -> tuple[DatasetGuess, ...]:
    """The tables that assay.toml can name, at most `TABLES_MAX` of them."""
    tables = [table for table in _named_tables(look) if not table.headless][:TABLES_MAX]
    return tuple(map(_dataset, _distinct(table.path for table in tables), tables))


def guess_headless(look: FolderLook) -> tuple[tuple[str, str], ...]:
    """Names and paths of the first tables without headers; no name is also a dataset's."""
    paths = [d.table.path for d in guess_datasets(look)]
    without = [table.path for table in _named_tables(look) if table.headless][:_HEADLESS_MAX]
    return tuple(zip(_distinct([*paths, *without])[len(paths) :], without, strict=True))


def guess_models(look: FolderLook, datasets: Sequence[DatasetGuess]) -> tuple[ModelGuess, ...]:
    """The weights that assay.toml can name, at most `MODELS_MAX` of them."""
    paths = [path for path in look.weights if can_be_named(path)][:MODELS_MAX]
    named = zip(_distinct(paths), paths, strict=True)
    return tuple(_model(name, path, look, datasets) for name, path in named)


def can_be_named(path: str) -> bool:
    """Whether assay.toml can hold this path as a value."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return not path.startswith("~") and len(quoted(path)) <= _PATH_CHARACTERS_MAX


def shown(text: str) -> str:
    """The text on one line: what cannot be printed is escaped, what is long is cut."""
    seen = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return seen if len(seen) <= 120 else f"{seen[:117]}..."


def quoted(text: str) -> str:
    """The text as a basic string of TOML."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _named_tables(look: FolderLook) -> list[FoundTable]:
    return [table for table in look.tables if can_be_named(table.path)]


def _dataset(name: str, table: FoundTable) -> DatasetGuess:
    return DatasetGuess(
        name, table, _subject(table.columns), _start(table.columns), _label(table.columns)
    )


def _subject(columns: Sequence[str]) -> Guess:
    for column in columns:
        words = header_words(column)
        glued = "".join(words)
        joined = any(glued == f"{who}{end}" for who in _PEOPLE for end in _NUMBERS_GLUED)
        apart = len(words) <= 3 and _PEOPLE & set(words) and words[-1] in _NUMBERS
        alone = words in (("mrn",), ("subject",), ("patient",))
        if joined or apart or alone or _number_first(words):
            return Guess(column, "the header names a person's number")
    generic = next((c for c in columns if header_words(c) in (("id",), ("uuid",))), "")
    maybe = f"; is it {shown(quoted(generic))}?" if generic else ""
    return Guess("", f"the column that says whose row it is{maybe}")


def _number_first(words: Sequence[str]) -> bool:
    """Whether they say `numero client` or `id del paciente`, and nothing else."""
    telling = [word for word in words if word not in _JOINING]
    return len(telling) == 2 and telling[0] in _NUMBERS_FIRST and telling[1] in _PEOPLE


def _start(columns: Sequence[str]) -> Guess:
    best = ""
    rank = len(_STARTS) + 1
    for column in columns:
        words = header_words(column)
        dated = bool(words) and (words[-1] in _DATE_WORDS or words[0] in _DATE_WORDS)
        if not dated or _NO_STARTS & set(words) or words in (("at",), ("on",)):
            continue
        places = [place for place, start in enumerate(_STARTS) if start in words]
        found = min(places, default=len(_STARTS))
        if found < rank:
            best, rank = column, found
    if best:
        return Guess(best, "the header names a date")
    return Guess("", "the column with the date from which the period counts")


def _label(columns: Sequence[str]) -> Guess:
    exact = {header_words(column): column for column in reversed(columns)}
    found = next((exact[(word,)] for word in _LABELS if (word,) in exact), "")
    if found:
        return Guess(found, "the header says so")
    last = columns[-1] if columns else ""
    if header_words(last)[-1:] in (("label",), ("target",)):
        return Guess(last, "the header says so")
    return Guess("", "the column that the model predicts")


def _model(name: str, path: str, look: FolderLook, datasets: Sequence[DatasetGuess]) -> ModelGuess:
    torch = path.lower().endswith(TORCH_SUFFIXES)
    factory = _factory(path, look) if torch else Guess("", "")
    tests = {found.path: found for found in look.test_data if can_be_named(found.path)}
    tables = {d.table.path: d for d in datasets if _can_test(d)}
    chosen = _test_data(path, tests, tables, only=len(look.weights) == 1)
    others = {d.table.path: d.name for d in datasets if not _TESTS & set(_words(d.table.path))}
    trained = _matched(path, list(others), only=False, tests=False)
    picture = tests[chosen.value].image if chosen.value in tests else None
    return ModelGuess(
        name,
        path,
        factory,
        chosen,
        tables[chosen.value].label if chosen.value in tables else Guess("", ""),
        Guess(others.get(trained.value, ""), trained.why),
        False if chosen.value in tables else picture,
    )


def _test_data(path: str, tests: Iterable[str], tables: Iterable[str], *, only: bool) -> Guess:
    """What fits by name; for the only model also the only arrays or pictures that there are."""
    examples = list(tests)
    chosen = _matched(path, [*examples, *tables], only=only, tests=True)
    if chosen.value or not examples:
        return chosen
    named = [other for other in examples if _TESTS & set(_words(other))] or examples
    if only and len(named) == 1:
        return Guess(named[0], "the only examples for the only model")
    return Guess("", "nothing says that these are its examples", named[0])


def _can_test(dataset: DatasetGuess) -> bool:
    path = dataset.table.path
    is_test = bool(_TESTS & set(_words(path)))
    return is_test and bool(dataset.label.value) and path.lower().endswith((".csv", ".parquet"))


def _factory(path: str, look: FolderLook) -> Guess:
    ready = [found.reference for found in look.factories if not found.arguments]
    places = {reference.replace(".", "/").replace(":", "/"): reference for reference in ready}
    chosen = _matched(path, list(places), only=True, tests=False)
    if chosen.value:
        return Guess(places[chosen.value], chosen.why)
    needy = [found for found in look.factories if found.arguments]
    what = "the function that builds the network, called without arguments"
    if ready:
        what += f"; there are {', '.join(ready[:_SHOWN_MAX])}"
    elif needy:
        reference, wants = needy[0].reference, ", ".join(needy[0].arguments)
        what += f"; {reference} wants {wants}, so write a function that calls it"
    return Guess("", what)


def _matched(path: str, others: Sequence[str], *, only: bool, tests: bool) -> Guess:
    """The one of the other paths that shares most words with this one; none where two tie."""
    own = _telling(path)
    scores = {
        other: (len(own & _telling(other)), tests and bool(_TESTS & set(_words(other))))
        for other in others
    }
    best = max(scores.values(), default=(0, False))
    first = [other for other, score in scores.items() if score == best]
    if best[0] and len(first) == 1:
        shared = ", ".join(sorted(own & _telling(first[0])))
        return Guess(first[0], f"the names share {shared}")
    if only and len(others) == 1:
        return Guess(others[0], "there is only this one")
    return Guess("", "")


def _words(path: str) -> tuple[str, ...]:
    return header_words(PurePosixPath(path).stem)


def _telling(path: str) -> frozenset[str]:
    """The words of a file's name that tell it from others; of its folder's where it has none."""
    pure = PurePosixPath(path)
    for part in (pure.stem, *(folder.name for folder in pure.parents)):
        words = {w for w in header_words(part) if len(w) > 1 and not w.isdigit()} - _SAY_NOTHING
        if words:
            return frozenset(words)
    return frozenset()


def _distinct(paths: Iterable[str]) -> list[str]:
    """A name for each path that `assay.toml` takes, no two alike."""
    names: list[str] = []
    taken: set[str] = set()
    for path in paths:
        plain = folded(PurePosixPath(path).stem)
        kept = "".join(c if c.isascii() and c.isalnum() else " " for c in plain)
        stem = "_".join(kept.split())[:_NAME_CHARACTERS_MAX] or "unnamed"
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
