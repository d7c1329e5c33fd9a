"""The words of assay, as frozen values.

A part looks at a target and reports an `Observation`. Kept in the audit log, an observation is
`Evidence`. A check judges evidence into a `Finding`; a framework's `Posture`, the `Risk` list and
the `Assessment` only arrange findings. Nothing here reads a clock, a file or a random number, and
nothing here imports another part of assay.

What a word means is fixed in the docstring of its class; `docs/explanation/words.md` has the tour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from html import escape

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Facts = Mapping[str, Json]


class Severity(IntEnum):
    """How bad it is, ordered."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """The severity on the wire."""
        return self.name.lower()


class SecurityLevel(IntEnum):
    """How data or a model is to be handled; joined by `max`."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @property
    def word(self) -> str:
        """The level on the wire."""
        return self.name.lower()


class Basis(IntEnum):
    """What a statement rests on; a finding has the weakest basis of its evidence (`min`).

    DECLARED is a line in assay.toml, ATTESTED a named person with a date and an expiry, MEASURED
    what a test or an examination saw. A declaration may lead to FAIL or UNKNOWN, never to PASS.
    """

    DECLARED = 0
    ATTESTED = 1
    MEASURED = 2

    @property
    def word(self) -> str:
        """The basis on the wire."""
        return self.name.lower()


class Category(StrEnum):
    """What kind of sensitive data a column holds."""

    PERSONAL_IDENTIFIABLE = "personal_identifiable"
    HEALTH_DATA = "health_data"
    FINANCIAL_DATA = "financial_data"
    BUSINESS_CONFIDENTIAL = "business_confidential"
    NONE = "none"


class Status(StrEnum):
    """The state of a check or a control. Only PASS is a pass."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    WAIVED = "waived"
    NOT_ASSESSED = "not_assessed"


class Method(StrEnum):
    """How an observation was made (the three methods of NIST SP 800-53A and OSCAL)."""

    EXAMINE = "EXAMINE"
    INTERVIEW = "INTERVIEW"
    TEST = "TEST"


class TargetKind(StrEnum):
    """What can be looked at."""

    DATASET = "dataset"
    MODEL = "model"
    SYSTEM = "system"


class Depth(StrEnum):
    """How much an assessment spends; what a depth leaves out is reported as unmeasured."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One thing that was looked at; `digest` is `sha256:<hex>` of its bytes, where it has any."""

    kind: TargetKind
    name: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What a part saw, as facts: counts, rates, intervals, digests, parameters, seeds, versions.

    Personal data never enters it; type, place and count do. `kind` is an evidence kind of
    `law/evidence_kinds.yaml`. When the look failed, `facts` is `not_measured(...)`.
    """

    kind: str
    source: str
    source_version: int
    method: Method
    target: Target
    facts: Facts
    observed_at: datetime
    expires_at: datetime | None = None
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    basis: Basis = Basis.MEASURED

    @property
    def measured(self) -> bool:
        """False when the look failed and `facts` only says why."""
        return "not_measured" not in self.facts


def not_measured(reason: str, next_step: str) -> Facts:
    """Facts of a look that failed: why, and what would make it succeed."""
    return {"not_measured": {"reason": reason, "next_step": next_step}}


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Bytes that an observation cites by their digest, a picture for instance; kept beside it."""

    digest: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """An observation that is kept: digest of its canonical bytes, and its entry in the log."""

    digest: str
    observation: Observation
    log_index: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where in a target something is: a path, a column, a row group, a log entry."""

    place: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of a target after judging evidence. `evidence` are digests."""

    check: str
    title: str
    theme: str
    target: Target
    status: Status
    severity: Severity
    basis: Basis | None
    statement: str
    evidence: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()
    remediation: str = ""


@dataclass(frozen=True, slots=True)
class Proportion:
    """`successes` of `trials`, with the 95 % interval [`low`, `high`], all shares in 0..1."""

    successes: int
    trials: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The point value; 0/0 has none and raises ZeroDivisionError."""
        return self.successes / self.trials

    def __str__(self) -> str:
        if not self.trials:
            return "0 of 0"
        return f"{100 * self.share:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True, slots=True)
class Control:
    """One requirement of a framework, in our own words."""

    framework: str
    id: str
    title: str
    summary: str
    automatable: str


@dataclass(frozen=True, slots=True)
class Applicability:
    """Whether a framework applies, by which rule, from which declared facts."""

    framework: str
    answer: str
    """`yes`, `no`, `ask` or `undetermined`."""
    rule: str
    reason: str
    source: str
    missing_facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ControlState:
    """A control's state: the worst of the checks that bear on it and ran.

    `checks` are all that bear on it, `ran` those of them that found something: a pass by one of five
    says no more than that one.
    """

    control: Control
    status: Status
    checks: tuple[str, ...]
    ran: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Posture:
    """Where an organisation stands in one framework: three numbers, never one.

    `coverage` is measured over applicable controls, `conformance` the weighted share of passes;
    both None where nothing was measured. `mode` is `point in time` or `continuous`.
    """

    framework: str
    title: str
    version: str
    applicability: Applicability
    mode: str
    as_of: datetime
    applicable: int
    assessed: int
    coverage: float | None
    conformance: float | None
    open_criticals: int
    controls: tuple[ControlState, ...]


@dataclass(frozen=True, slots=True)
class ControlValidation:
    """Whether a control that a dataset's level requires is really there."""

    dataset: str
    level: SecurityLevel
    control: str
    required: bool
    status: Status
    because: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Risk:
    """A threat to a target. `likelihood` None means UNMEASURED, which ranks by its upper bound, 1.

    `measured_by` says what would measure or did measure it.
    """

    target: Target
    threat: str
    title: str
    likelihood: Proportion | None
    impact: SecurityLevel | None
    measured_by: str
    references: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()
    treatment: str = "none recorded"
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Robust accuracy at one epsilon of an attack, or at one amount of a corruption."""

    amount: float
    robust: Proportion


@dataclass(frozen=True, slots=True)
class Curve:
    """What one attack or corruption did to a model, with its true budget per example."""

    member: str
    family: str
    """`attack` or `corruption`."""
    norm: str
    unit: str
    """What the amounts count: `epsilon`, `standard deviation`, `degrees`."""
    points: tuple[CurvePoint, ...]
    forwards_per_example: float
    gradients_per_example: float
    seed: int
    parameters: Facts
    evidence: str


@dataclass(frozen=True, slots=True)
class Robustness:
    """A model under everything in the declared budget.

    `worst_case` is the share of examples that survive every attack and corruption at once.
    """

    model: Target
    examples: int
    clean: Proportion
    worst_case: Proportion | None
    worst_case_epsilon: float | None
    curves: tuple[Curve, ...]

    def _repr_html_(self) -> str:
        rows = [("clean", "", str(self.clean))]
        for curve in self.curves:
            rows += [
                (curve.member, f"{p.amount:g} {curve.unit}", str(p.robust)) for p in curve.points
            ]
        worst = "UNMEASURED" if self.worst_case is None else str(self.worst_case)
        rows.append(("worst case", f"{self.worst_case_epsilon or 0:g} epsilon", worst))
        caption = f"{self.model.name}: accuracy of {self.examples} examples, 95 % interval"
        return html_table(caption, ("Under", "Amount", "Accuracy"), rows)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: who did what to what, from where, with what outcome.

    `actor` is a keyed pseudonym, never a name. `id` makes a second delivery harmless.
    """

    id: str
    occurred_at: datetime
    type: str
    severity: Severity
    actor: str
    action: str
    target: Target
    outcome: str
    client_address: str | None = None
    client_agent: str | None = None
    detail: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's promise: at `size` entries its root is `root`. `note` is the signed C2SP text."""

    origin: str
    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """One run of the main job: what was seen, where it is kept, and what it means.

    A pure function of the evidence, `as_of` and the checkpoint: the same evidence gives the same
    value, and the same value the same report bytes.
    """

    id: str
    organisation: str
    as_of: datetime
    depth: str
    seed: int
    outcome: str
    versions: Mapping[str, str]
    checkpoint: Checkpoint
    verifier_key: str
    """The public key that the checkpoint is verified with, as C2SP text."""
    evidence: tuple[Evidence, ...]
    exhibits: tuple[Exhibit, ...]
    findings: tuple[Finding, ...]
    validations: tuple[ControlValidation, ...]
    postures: tuple[Posture, ...]
    robustness: tuple[Robustness, ...]
    risks: tuple[Risk, ...]
    unmeasured: tuple[str, ...]
    """What this depth left out, in words."""

    def _repr_html_(self) -> str:
        findings = [
            (f.status.name, f.severity.word, f.check, f.target.name, f.statement)
            for f in self.findings
        ]
        columns = ("Status", "Severity", "Check", "Target", "Statement")
        shown = html_table(f"Assessment of {self.organisation}", columns, findings)
        return shown + "".join(model._repr_html_() for model in self.robustness)


def html_table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain HTML table, escaped; how values show themselves in a notebook."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
