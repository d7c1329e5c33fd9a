"""Postal addresses down to street and house number.

There is no common standard (UPU S42 describes hundreds of templates). Found are house number and
street type (USPS Publication 28) in English and French, street and house number in German and
Spanish, and post office boxes. Under a fitting header any text of two words or a number will do.
Towns alone are not found.
"""

from __future__ import annotations

from assay.data.detectors._forms import LETTER, UPPER
from assay.data.interface import Detector

_NAME = rf"[{UPPER}0-9][{LETTER}0-9.'’-]*"
_TYPE = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq"
    r"|Terrace|Ter|Way|Highway|Hwy|Parkway|Pkwy|Circle|Cir|Trail|Crescent|Close)"
)
_ENGLISH = rf"\d{{1,6}}[A-Za-z]? (?:[NSEW]\.? )?(?:{_NAME} ){{1,4}}{_TYPE}"
_LONG_TYPE = (
    r"(?:Alley|Bridge|Bypass|Camp|Canyon|Cape|Causeway|Center|Centre|Cliffs?|Common|Corners?|Course"
    r"|Cove|Creek|Crest|Crossing|Crossroad|Curve|Dale|Divide|Estates?|Expressway|Extensions?|Falls?"
    r"|Ferry|Fields?|Flats?|Fords?|Forest|Forges?|Forks?|Freeway|Gardens?|Gateway|Glens?|Greens?"
    r"|Groves?|Harbors?|Haven|Heights|Hills?|Hollow|Islands?|Isle|Junctions?|Keys?|Knolls?|Lakes?"
    r"|Landing|Loop|Mall|Manors?|Meadows?|Mews|Mills?|Mission|Motorway|Mount|Mountains?|Neck|Orchard"
    r"|Oval|Overpass|Park|Parks|Pass|Passage|Path|Pike|Pines?|Plains?|Plaza|Points?|Ports?|Prairie"
    r"|Radial|Ranch|Rapids?|Rest|Ridges?|River|Route|Row|Run|Shoals?|Shores?|Skyway|Springs?|Spurs?"
    r"|Squares|Station|Stream|Summit|Throughway|Trace|Track|Trafficway|Tunnel|Turnpike|Underpass"
    r"|Unions?|Valleys?|Via|Viaduct|Views?|Villages?|Ville|Vista|Walks?|Wall|Wells?|Burgs?|Cliff"
    r"|Brooks?|Bluffs?|Branch|Bottom|Beach|Bend|Dam|Drives|Inlet|Lights?|Locks?|Lodge|Lane|Stravenue)"
)
"""More street suffixes of USPS Publication 28 C1: too common as words to be searched in text."""
_AMERICAN = rf"\d{{1,6}} (?:{_NAME} ){{1,4}}{_LONG_TYPE}"
_UNITED_STATES = r"(?s:[A-Z0-9].*[,\n] ?[A-Z][A-Za-z .]+,? [A-Z]{2} \d{5}(?:-\d{4})?)"
_GERMAN = (
    rf"[{UPPER}][{LETTER}. -]*(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|damm|ufer|ring"
    rf"|Stra(?:ß|ss)e|Str\.|Weg|Platz|Allee) \d{{1,4}} ?[a-zA-Z]?"
)
_FRENCH = (
    r"\d{1,4}(?: ?(?:bis|ter))?,? (?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Pp]lace|[Cc]hemin|[Ii]mpasse"
    rf"|[Aa]ll[ée]e|[Qq]uai) [{LETTER}'’ -]{{3,}}"
)
_SPANISH = rf"(?:Calle|C/|Avenida|Avda\.?|Plaza|Paseo|Carrer|Via) ?[{LETTER} .]{{3,}},? \d{{1,4}}"
_BOX = r"(?i:p\.? ?o\.? box|postfach) \d{1,6}"
_REST = r"(?s:[,.\s].*)?"

_OTHER_ADDRESSES = """
ip ipv mac email e mail web url wallet memory bitcoin btc eth crypto contract host network
server register bus hash return bssid
"""

MEMBER = Detector(
    entity="street_address",
    noun="postal addresses",
    headers=(
        "address",
        "street",
        "street address",
        "address line",
        "home address",
        "mailing address",
        "addr",
        "adresse",
        "anschrift",
        "strasse",
        "hausnummer",
        "direccion",
        "domicilio",
        "calle",
        "indirizzo",
        "rue",
        "residence address",
    ),
    not_beside=frozenset(_OTHER_ADDRESSES.split()),
    patterns=(
        *(form + _REST for form in (_ENGLISH, _AMERICAN, _GERMAN, _FRENCH, _SPANISH, _BOX)),
        _UNITED_STATES,
    ),
    weak_patterns=(
        rf"(?s:[^@:]*[{LETTER}]{{2}}[^@:]*[ \n.-][^@:]+)",
        rf"[{UPPER}][{LETTER}]{{3,40}}",
    ),
    in_text=(_ENGLISH, _GERMAN, _FRENCH),
    content_alone=True,
    content_share=0.6,
    examples=(
        "12 Main Street",
        "1600 N Pennsylvania Ave, Apt 4",
        "Hauptstraße 12a",
        "Am Alten Platz 3",
        "12 bis rue de Rivoli",
        "Calle Mayor 7",
        "P.O. Box 123",
        "500 Oak Dr\nDenver, CO 80202",
    ),
    near_misses=(
        "Main Street",
        "12 items in stock",
        "2 drive motors",
        "route 66",
        "3 way switch",
        "Wegweiser 2",
    ),
)
