"""Private keys in text form.

RFC 7468 (PEM) and the forms of OpenSSH and PGP, by their first line. A key in raw bytes or in a
keystore is not seen; certificates and public keys are no secrets.
"""

from __future__ import annotations

from assay.data.interface import Detector

_BEGIN = r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"

MEMBER = Detector(
    entity="private_key",
    noun="private keys",
    headers=("private key", "ssh private key", "rsa private key", "signing key", "pem key"),
    patterns=(rf"(?s:{_BEGIN}.*)",),
    weak_patterns=(r"(?s:[A-Za-z0-9+/=_\s-]{32,})",),
    in_text=(_BEGIN,),
    content_alone=True,
    examples=("-----BEGIN PRIVATE KEY-----\nMII", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    near_misses=("-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "PRIVATE KEY"),
)
