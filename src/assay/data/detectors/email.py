"""E-mail addresses, as people write them.

RFC 5321 section 4.1.2 without quoted local parts and address literals, which nobody has. The last
label must be letters, so that `image@2x.png` of a web page is a miss only by its ending list.
"""

from __future__ import annotations

from assay.data.interface import Detector

_FILE_ENDINGS = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "html"})
_ADDRESS = r"[A-Za-z0-9][A-Za-z0-9._%+'-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"


def _is_address(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    labels = domain.split(".")
    return (
        ".." not in local
        and not local.endswith(".")
        and all(label and label[0] != "-" != label[-1] for label in labels)
        and labels[-1].lower() not in _FILE_ENDINGS
    )


MEMBER = Detector(
    entity="email",
    noun="e-mail addresses",
    headers=(
        "email",
        "e mail",
        "mail address",
        "email address",
        "correo",
        "courriel",
        "mailadresse",
    ),
    exact_headers=("mail", "contact", "kontakt"),
    patterns=(_ADDRESS,),
    in_text=(_ADDRESS,),
    needs="@",
    validate=_is_address,
    content_alone=True,
    examples=("ada@example.org", "j.doe+news@mail.example.co.uk", "o'neil@example.ie"),
    near_misses=("logo@2x.png", "@ada", "ada@localhost", "a..b@example.org", "user@@example.org"),
)
