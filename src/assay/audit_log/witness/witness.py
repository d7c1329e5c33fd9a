"""A witness (c2sp.org/tlog-witness): it cosigns a log's checkpoint only if the log has grown.

What it answers to `add-checkpoint`, in the order in which it looks:

    400  the request is malformed, or no checkpoint
    404  it does not know the log
    403  no key of the log that it knows signed, or the signature of one does not hold
    400  the old size is above the checkpoint's
    409  the old size is not the one that it cosigned last; the body says which (text/x.tlog.size)
    409  at the same size it cosigned another root (text/plain, for there is nothing to retry)
    422  the proof does not show that the tree grew, or it is there where none belongs
    200  one cosignature line for each of its keys

Before the 200 is signed, what it says is on disk. A checkpoint that contradicts the last one at its own
size is kept: both are signed, and together they convict the log. One whose proof fails is kept as well,
but says less, for anybody can send a bad proof. The clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.audit_log.merkle import EMPTY_ROOT, consistency_holds
from assay.audit_log.notes import VerifierKey, signatures_of, split_note
from assay.audit_log.signed_messages import TreeHead, tree_head
from assay.audit_log.witness.keys import KnownLogs, WitnessKeys
from assay.audit_log.witness.request import SIZE_TYPE, AddCheckpoint, parse_request
from assay.audit_log.witness.state import Decision, Seen, WitnessState
from assay.errors import BadNote, BadProof

PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: an HTTP status, a body that ends in a line feed, and its media type."""

    status: int
    body: str
    content_type: str = PLAIN

    @property
    def cosigned(self) -> bool:
        """Whether the body holds cosignature lines."""
        return self.status == 200

    @property
    def is_contradiction(self) -> bool:
        """Whether the checkpoint, which its log signed, does not follow from the last one."""
        return self.status == 422 or (self.status == 409 and self.content_type == PLAIN)


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: who it is, which logs it knows, what it cosigned last."""

    keys: WitnessKeys
    logs: KnownLogs
    state: WitnessState

    def add_checkpoint(self, body: bytes, now: int) -> Answer:
        """The answer to a request, at a time in seconds since 1970.

        Raises:
            DiskFull, LogBusy, LogDamaged, LogError: the record failed; nothing was cosigned.
        """
        try:
            request = parse_request(body)
            head = tree_head(split_note(request.note)[0])
        except (BadProof, BadNote) as error:
            return _refusal(400, error.message)
        known = self.logs.get(head.origin)
        if known is None:
            return _refusal(404, "This witness does not know the log.")
        try:
            signatures_of(request.note, *known)
        except BadNote as error:
            return _refusal(403, error.message)
        if request.old_size > head.size:
            return _refusal(400, "The old size is above the checkpoint's.")
        new = Seen(head.size, head.root, _with_lines_of(known, request.note))
        with self.state.deciding(head.origin) as decision:
            refused = _decide(decision, request, head, new)
        # On disk from here on. If this process ends before its answer is read, the log asks again
        # from this size and gets the cosignature.
        return refused or Answer(200, self.keys.cosign(request.note, now))


def _decide(decision: Decision, request: AddCheckpoint, head: TreeHead, new: Seen) -> Answer | None:
    """The refusal; None where the checkpoint was kept as the last one."""
    last = decision.last
    size = 0 if last is None else last.size
    if request.old_size != size:
        return Answer(409, f"{size}\n", SIZE_TYPE)
    if last is not None and size == head.size and last.root != head.root:
        decision.keep_refused(new, 409)
        return _refusal(409, "This witness has cosigned another root at this size.")
    if not _grew(last, request, head):
        decision.keep_refused(new, 422)
        return _refusal(422, "The proof does not show that the log grew from the old size.")
    if last is None or last.size < head.size:
        decision.keep(new)
    return None


def _grew(last: Seen | None, request: AddCheckpoint, head: TreeHead) -> bool:
    if last is None or last.size == 0:
        return not request.proof and (head.size > 0 or head.root == EMPTY_ROOT)
    return consistency_holds(last.size, last.root, head.size, head.root, request.proof)


def _with_lines_of(known: tuple[VerifierKey, ...], note: str) -> str:
    """The note with the signatures of these keys only: others say nothing and may be of any number."""
    text, lines = split_note(note)
    kept = [line for line in dict.fromkeys(lines) if _is_signed(f"{text}\n{line}", known)]
    return "\n".join([text, "".join(kept)])


def _is_signed(note: str, known: tuple[VerifierKey, ...]) -> bool:
    try:
        signatures_of(note, *known)
    except BadNote:
        return False
    return True


def _refusal(status: int, why: str) -> Answer:
    return Answer(status, f"{why}\n")
