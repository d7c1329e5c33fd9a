"""Names of people: given name, family name, or both.

There is no standard; two or more capitalised words, `Family, Given` and initials are the form, a
gazetteer of frequent names (`_names.py`) tells people from products and towns. One word alone
counts only under a fitting header. Inside text a name is found after a title or a cue word, and
only if it is in the gazetteer: recall is modest there, no named-entity model is asked.
"""

from __future__ import annotations

from assay.data.detectors._forms import LETTER, UPPER
from assay.data.detectors._names import FAMILY, GIVEN
from assay.data.interface import Detector

_WORD = rf"[{UPPER}][{LETTER}'’-]{{1,30}}"
_ANY_WORD = rf"[{LETTER}][{LETTER}'’.-]{{0,30}}"
_TITLE = r"(?:(?i:mr|mrs|ms|miss|dr|prof|herr|frau|mme|sra?|sig)\.? )"
_SUFFIX = r"(?:,? (?:Jr|Sr|II|III|IV|MD|PhD|DDS|DVM)\.?)"
_CUE = (
    r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herrn?|Frau|Mme|Sra?|Dear|Patient|patient|Patientin|Contact|contact"
    r"|(?:spoke|talked|met|meeting) (?:to|with)|called|my name is|[Nn]ame:|Regards,|Signed,?)"
)
_KNOWN = "|".join(sorted(f"(?i:{name[0]}){name[1:]}" for name in GIVEN | FAMILY))

MEMBER = Detector(
    entity="person_name",
    noun="names of people",
    headers=(
        "first name",
        "last name",
        "full name",
        "middle name",
        "maiden name",
        "given name",
        "family name",
        "patient name",
        "customer name",
        "employee name",
        "client name",
        "contact name",
        "cardholder name",
        "card holder",
        "account holder",
        "person name",
        "member name",
        "student name",
        "doctor name",
        "physician name",
        "provider name",
        "manager name",
        "guest name",
        "passenger name",
        "owner name",
        "beneficiary name",
        "recipient name",
        "author name",
        "applicant name",
        "emergency contact",
        "next of kin",
        "firstname",
        "lastname",
        "fullname",
        "surname",
        "forename",
        "fname",
        "lname",
        "vorname",
        "nachname",
        "familienname",
        "geburtsname",
        "patientenname",
        "kundenname",
        "prenom",
        "nom de famille",
        "nom complet",
        "nom du patient",
        "apellido",
        "apellidos",
        "nombre completo",
        "nombre del paciente",
        "cognome",
    ),
    exact_headers=(
        "name",
        "names",
        "nom",
        "nombre",
        "nombres",
        "nome",
        "person",
        "patient",
        "employee",
        "customer",
        "doctor",
        "physician",
        "cardholder",
        "author",
        "contact",
        "contact person",
        "manager",
        "mitarbeiter",
        "kunde",
        "arzt",
        "patientin",
        "paciente",
        "cliente",
        "first",
        "last",
        "given",
        "family",
    ),
    patterns=(
        rf"{_TITLE}?{_WORD}(?: {_ANY_WORD}){{0,3}} {_WORD}{_SUFFIX}?",
        rf"{_WORD}(?:[ -]{_WORD})?, {_WORD}(?: [{UPPER}]\.?| {_WORD})?",
    ),
    weak_patterns=(
        rf"(?:{_ANY_WORD} ){{0,5}}{_ANY_WORD}",
        rf"{_ANY_WORD}(?: {_ANY_WORD})?, ?{_ANY_WORD}(?: {_ANY_WORD})?",
        rf"{_TITLE}{_ANY_WORD}(?: {_ANY_WORD}){{0,3}}{_SUFFIX}?",
    ),
    in_text=(rf"{_CUE}\.? (?:{_TITLE}|{_WORD} )?(?:{_KNOWN})",),
    words=GIVEN | FAMILY,
    content_alone=True,
    content_share=0.25,
    examples=(
        "Mary Johnson",
        "Dr. Anna Weber",
        "Müller, Hans",
        "José García López",
        "Robert K. Smith Jr.",
    ),
    near_misses=("Blue Widget", "order 1234", "MARY", "Garden Hose 20m", "in stock", "New York"),
)
