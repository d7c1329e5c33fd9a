"""CHK-ENC-REST: stored bytes are really encrypted.

**Why it matters.** Whoever gets at the storage, a backup or a lost disk reads what is in it. A
setting that says "encrypted" does not change that; the bytes do (GDPR Art. 32, 45 CFR
164.312(a)(2)(iv)).

**Passes** when the dataset's file is of an encrypted form, opens with its declared key, which
checks every page's tag, is refused without it, and none of the column names and values searched for
is found in the raw bytes. **Fails** when the bytes are a plaintext format, or a known value is found.
Unknown when nothing recognises the bytes, or no key is declared to open them with. Not applicable
for data that are declared public.

**How to fix.** Write the table as Parquet with an encrypted footer and keep the key elsewhere; name
it as `key_file` so that assay can look again.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.compliance.interface import Verdict
from assay.compliance.readers.stored_bytes import KIND
from assay.intervals import upper_bound_when_none_seen
from assay.vocabulary import Location, Observation, Status, TargetKind


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
        if not facts["refused_without_key"]:
            return Verdict(Status.FAIL, "The file opens without its key.", place)
        searched, found = facts["known_values_searched"], facts["known_values_found"]
        assert isinstance(searched, int)  # noqa: S101 - as the reader writes it
        if found:
            what = f"{found} of {searched} known values stand in the raw bytes in clear."
            return Verdict(Status.FAIL, what, place)
        bound = 100 * upper_bound_when_none_seen(searched)
        return Verdict(
            Status.PASS,
            f"The file opens with its {facts['key_bits']}-bit key only ({facts['rows_authenticated']} "
            f"rows authenticated); none of {searched} known values is in the raw bytes (95 % upper "
            f"bound of the plaintext share: {bound:.1f} %).",
            place,
        )


MEMBER = StoredBytesEncrypted()
