"""CHK-ENC-REST: stored bytes are really encrypted.

**Why it matters.** Whoever gets at the storage, a backup or a lost disk reads what is in it. A
setting that says "encrypted" does not change that; the bytes do (GDPR Art. 32, 45 CFR
164.312(a)(2)(iv)).

**Passes** when the dataset's file is of an encrypted form (AES-GCM), opens with its declared key,
which checks every page's tag, is refused without it, and no byte lies outside of the encrypted
pages and footer; besides, none of the column names and values searched for is in the raw bytes.
**Fails** when the bytes are a plaintext format or open without a key, a known value or other text is
in clear, the key is trivial, or pages are not authenticated (AES-CTR). Unknown when nothing
recognises the bytes, no key is declared to open them with, or bytes are left over that no page owns,
such as a page index. Not applicable for data that are declared public.

**How to fix.** Write the table as Parquet with an encrypted footer and keep the key elsewhere; name
it as `key_file` so that assay can look again.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.compliance.interface import Verdict
from assay.compliance.readers.stored_bytes import KIND
from assay.vocabulary import Facts, Location, Observation, Status, TargetKind

_REWRITE = "Write the file again with AES_GCM_V1 and without a page index."


class StoredBytesEncrypted:
    """Judges what the stored bytes of a dataset are."""

    id = "CHK-ENC-REST"
    looks_at = TargetKind.DATASET
    kinds = (KIND,)
    remediation = (
        "Store the table as Parquet with an encrypted footer (one key for all columns), keep the key "
        "apart from it, and name the key file in assay.toml."
    )

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """The newest inspection decides."""
        facts = observations[-1].facts
        place = (Location(str(facts["place"]), str(facts["form"])),)
        if facts["level"] == "public":
            return Verdict(Status.NOT_APPLICABLE, "The data are declared public.", place)
        if facts["state"] == "plaintext":
            what = f"The stored bytes are plaintext: {facts['form']}, {facts['bytes']} bytes."
            return Verdict(Status.FAIL, what, place)
        if facts["state"] != "sealed":
            return Verdict(Status.UNKNOWN, f"The stored bytes are {facts['form']}.", place)
        if facts["opened_with_key"] is None:
            what = "The file has an encrypted footer, but no key is declared to check it with."
            return Verdict(Status.UNKNOWN, what, place, "Name its key as key_file in assay.toml.")
        fault = _fault(facts)
        if fault:
            return Verdict(Status.FAIL, fault, place)
        doubt = _doubt(facts)
        if doubt:
            return Verdict(Status.UNKNOWN, doubt, place, _REWRITE)
        return Verdict(Status.PASS, _passed(facts), place)


def _fault(facts: Facts) -> str:
    """What is wrong with a file that its key opens; empty if nothing is."""
    if not facts["refused_without_key"]:
        return "The file opens without its key."
    if facts["known_values_found"]:
        found, searched = facts["known_values_found"], facts["known_values_searched"]
        return f"{found} of {searched} known values stand in the raw bytes in clear."
    if facts.get("unaccounted_are_text"):
        return f"{facts['unaccounted_bytes']} bytes lie outside of the encrypted pages, with text."
    if facts.get("key_trivial"):
        return "The file is encrypted, but the key is trivial."
    if facts.get("algorithm") == "AES_GCM_CTR_V1":
        return "The file is encrypted with AES-CTR: its pages are not authenticated."
    return ""


def _doubt(facts: Facts) -> str:
    """What keeps a file without fault from passing; empty if nothing does."""
    if facts.get("algorithm") != "AES_GCM_V1":
        return "The file does not say which algorithm encrypts it, or it is one that is not known."
    left = facts.get("unaccounted_bytes")
    if left is None:
        return "Nobody looked whether bytes lie outside of the encrypted pages."
    if left and facts["page_index_or_bloom_filter"]:
        return (
            f"{left} bytes lie outside of the encrypted pages; a page index or bloom filter may "
            "explain them. Writing without one would settle it."
        )
    return f"{left} bytes lie outside of the encrypted pages, unexplained." if left else ""


def _passed(facts: Facts) -> str:
    searched = facts["known_values_searched"]
    beside = " The key lies beside the data: move it." if facts.get("key_beside_data") else ""
    search = f"none of {searched} known values is in clear" if searched else "no text to search for"
    return (
        f"The file opens with its {facts['key_bits']}-bit key only; all of its pages are "
        f"authenticated (AES-GCM, {facts['rows_authenticated']} rows) and no byte lies outside of "
        f"them and the footer; {search}.{beside}"
    )


MEMBER = StoredBytesEncrypted()
