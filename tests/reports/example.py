"""A whole assessment as a run would make it, with hostile names, and an empty one.

Two datasets, two models, every status, four frameworks, threats measured and not. Names try to
break out of a page and out of a terminal.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from datetime import UTC, datetime, timedelta

from assay.canonical import digest, digest_of
from assay.intervals import wilson
from assay.vocabulary import (
    Applicability,
    Assessment,
    Basis,
    Checkpoint,
    Control,
    ControlState,
    ControlValidation,
    Curve,
    CurvePoint,
    Evidence,
    Exhibit,
    Facts,
    Finding,
    Location,
    Method,
    Observation,
    Posture,
    Risk,
    Robustness,
    SecurityLevel,
    Severity,
    Status,
    Target,
    TargetKind,
    not_measured,
)

AS_OF = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOSTILE_ORGANISATION = 'Northwind <script>alert("org")</script> & Daughters\x1b[2J'
HOSTILE_COLUMN = '"><script>alert(1)</script>\u202egnp'

_PATIENTS = Target(TargetKind.DATASET, "patients", digest(b"patients"))
_PAYMENTS = Target(TargetKind.DATASET, "payments", digest(b"payments"))
_DIGITS = Target(TargetKind.MODEL, "digits", digest(b"digits"))
_RISK = Target(TargetKind.MODEL, "readmission risk", digest(b"readmission"))
_SYSTEM = Target(TargetKind.SYSTEM, "this host")


def picture(tone: int) -> bytes:
    """A PNG of 8 x 8 grey pixels with a bright diagonal."""
    rows = b"".join(
        b"\x00" + bytes(255 if x == y else (tone + 9 * x * y) % 200 for x in range(8))
        for y in range(8)
    )
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


VERIFIER_KEY = "assay.example/northwind+01020304+AQ" + 42 * "A" + "=="


def assessment() -> Assessment:
    """The whole example."""
    kept = _evidence()
    return Assessment(
        id="2026-11-22-7f3a",
        organisation=HOSTILE_ORGANISATION,
        as_of=AS_OF,
        depth="quick",
        seed=7,
        outcome="finished, 1 of 9 looks failed",
        versions={"numpy": "2.4.1", "assay": "0.1.0", "torch": "2.13.0"},
        checkpoint=_checkpoint(len(kept)),
        verifier_key=VERIFIER_KEY,
        evidence=tuple(kept.values()),
        exhibits=_exhibits(),
        findings=_findings(kept),
        validations=_validations(kept),
        postures=_postures(),
        robustness=(_digits_robustness(kept), _risk_robustness(kept)),
        risks=_risks(kept),
        unmeasured=(
            "Black-box attacks on digits: depth quick runs gradient attacks only.",
            "Model inversion: depth full runs it.",
        ),
    )


def empty() -> Assessment:
    """Nothing was there to look at."""
    return Assessment(
        id="empty",
        organisation="Nobody Ltd",
        as_of=AS_OF,
        depth="standard",
        seed=0,
        outcome="finished",
        versions={},
        checkpoint=_checkpoint(0),
        verifier_key=VERIFIER_KEY,
        evidence=(),
        exhibits=(),
        findings=(),
        validations=(),
        postures=(),
        robustness=(),
        risks=(),
        unmeasured=(),
    )


def _checkpoint(size: int) -> Checkpoint:
    root = hashlib.sha256(b"root %d" % size).digest()
    encoded = base64.b64encode(root).decode()
    signature = base64.b64encode(b"\x01\x02\x03\x04" + bytes(64)).decode()
    origin = "assay.example/northwind"
    note = f"{origin}\n{size}\n{encoded}\n\n— {origin} {signature}\n"
    return Checkpoint(origin, size, root, note)


def _evidence() -> dict[str, Evidence]:
    """Observations by a short name, in the order of the log."""
    looks = {
        "labels": _look("classification_labels", "classify", _PATIENTS, _patient_labels()),
        "payments": _look("classification_labels", "classify", _PAYMENTS, _payment_labels()),
        "bytes": _look(
            "storage_byte_inspection", "file_bytes", _PATIENTS, {"plaintext_files": 3, "files": 4}
        ),
        "modes": _look(
            "file_access_scan", "file_metadata", _PATIENTS, {"world_readable": 1, "files": 4}
        ),
        "pgd": _look("robustness_run", "pgd", _DIGITS, {"shown": _shown()}, Method.TEST),
        "fgsm": _look("robustness_run", "fgsm", _DIGITS, {"broken": 21}, Method.TEST),
        "noise": _look("robustness_run", "noise", _DIGITS, {"broken": 12}, Method.TEST),
        "risk": _look("robustness_run", "square", _RISK, {"broken": 5}, Method.TEST),
        "mfa": _look(
            "idp_mfa_coverage",
            "identity_export",
            _SYSTEM,
            not_measured("No identity export is configured.", "Set [readers.identity] export."),
        ),
    }
    return {
        name: Evidence(digest_of(look), look, 40 + n)
        for n, (name, look) in enumerate(looks.items())
    }


def _look(
    kind: str, source: str, target: Target, facts: Facts, method: Method = Method.EXAMINE
) -> Observation:
    return Observation(
        kind=kind,
        source=source,
        source_version=1,
        method=method,
        target=target,
        facts=facts,
        observed_at=AS_OF - timedelta(minutes=5),
        expires_at=AS_OF + timedelta(days=90),
    )


def _patient_labels() -> Facts:
    return {
        "rows": 12_000,
        "engine": "a key that no report knows",
        "columns": {
            "visit_no": _label("none", None, "internal", 0.99, 0),
            "patient_name": _label(
                "personal_identifiable", "person_name", "confidential", 0.97, 11_870
            ),
            "mrn": _label("health_data", "medical_record_number", "restricted", 1.0, 12_000),
            "icd": _label("health_data", "icd10", "restricted", 0.9994, 11_993),
            "notes": {
                **_label("none", None, "restricted", 0.62, 4),
                "rare": [{"entity": "ssn", "rows": 4, "first_rows": [118, 4031, 9977, 11002]}],
                "why": ["free text", "4 rows hold a valid social security number"],
            },
            HOSTILE_COLUMN: _label("none", None, "internal", 0.5, 0),
        },
    }


def _payment_labels() -> Facts:
    return {
        "rows": 800,
        "columns": {
            "card": _label("financial_data", "credit_card", "restricted", 1.0, 800),
            "half_known": {"category": "none", "level": "internal"},
        },
    }


def _label(
    category: str, entity: str | None, level: str, confidence: float, matched: int
) -> dict[str, object]:
    return {
        "category": category,
        "entity": entity,
        "level": level,
        "confidence": confidence,
        "matched_rows": matched,
        "nonnull_rows": 12_000,
        "rare": [],
        "why": [f"{matched} rows match and the header fits"]
        if matched
        else ["no detector matched"],
    }


def _shown() -> list[dict[str, object]]:
    digests = [exhibit.digest for exhibit in _exhibits()]
    answers = ((3, 3, 8), (5, 5, 6), (9, 9, 4))
    return [
        {
            "label": label,
            "predicted": predicted,
            "adversarial_predicted": attacked,
            "amount": 0.1,
            "original": digests[2 * n],
            "adversarial": digests[2 * n + 1] if n < 2 else digest(b"not kept"),
        }
        for n, (label, predicted, attacked) in enumerate(answers)
    ]


def _exhibits() -> tuple[Exhibit, ...]:
    pictures = [picture(tone) for tone in (0, 35, 70, 105, 140)]
    return tuple(Exhibit(digest(data), "image/png", data) for data in pictures)


def _findings(kept: dict[str, Evidence]) -> tuple[Finding, ...]:
    return (
        Finding(
            "CHK-AUDIT-INTEGRITY",
            "Audit log verifies",
            "audit_logging",
            _SYSTEM,
            Status.PASS,
            Severity.CRITICAL,
            Basis.MEASURED,
            "All 49 entries are under the signed root.",
            (kept["labels"].digest,),
        ),
        Finding(
            "CHK-ENC-REST",
            "Stored bytes are really encrypted",
            "encryption",
            _PATIENTS,
            Status.FAIL,
            Severity.CRITICAL,
            Basis.MEASURED,
            "3 of 4 files of a restricted dataset hold readable plaintext.",
            (kept["bytes"].digest, kept["labels"].digest),
            (
                Location("data/patients.csv", "bytes 0 to 4096"),
                Location("data/archive/2025/<script>alert(2)</script>.csv", "whole file"),
            ),
            "Seal the files with `assay data protect`, then destroy the plaintext copies.",
        ),
        Finding(
            "CHK-ROBUST",
            "Model keeps its accuracy under attack",
            "model_security",
            _DIGITS,
            Status.FAIL,
            Severity.HIGH,
            Basis.MEASURED,
            "28.1 % of examples survive every attack at epsilon 0.1; 70 % are required.",
            (kept["pgd"].digest, kept["fgsm"].digest),
            remediation="Harden the model with `assay model harden`, or lower its exposure.",
        ),
        Finding(
            "CHK-FILE-ACCESS",
            "Files are readable by those the policy names, and by nobody else",
            "access_control",
            _PATIENTS,
            Status.FAIL,
            Severity.CRITICAL,
            Basis.MEASURED,
            "1 of 4 files can be read by every account on the host.",
            (kept["modes"].digest,),
            (Location("data/patients.csv", "mode 0644"),),
            "Take the read permission for others away.",
        ),
        Finding(
            "CHK-RETENTION",
            "Data are erased when their period ends",
            "data_retention",
            _PAYMENTS,
            Status.FAIL,
            Severity.MEDIUM,
            Basis.DECLARED,
            "assay.toml declares no retention period for payments.",
            (),
            (Location("assay.toml", "[datasets.payments]"),),
            "Declare retention_days with the rule it follows.",
        ),
        Finding(
            "CHK-MFA",
            "Strong second factor coverage",
            "access_control",
            _SYSTEM,
            Status.UNKNOWN,
            Severity.CRITICAL,
            Basis.MEASURED,
            "No identity export is configured, so the share of accounts with a second factor is "
            "not known.",
            (kept["mfa"].digest,),
            remediation="Set [readers.identity] export to a SCIM or CSV export.",
        ),
        Finding(
            "CHK-DRILL",
            "A backup was restored",
            "resilience",
            _SYSTEM,
            Status.UNKNOWN,
            Severity.HIGH,
            None,
            "No drill is on record.",
        ),
        Finding(
            "CHK-TRAINING",
            "People are trained",
            "governance",
            _SYSTEM,
            Status.PASS,
            Severity.LOW,
            Basis.ATTESTED,
            "Attested by the data protection officer until 2027-03-01.",
        ),
        Finding(
            "CHK-TLS",
            "TLS by real handshake",
            "encryption",
            _SYSTEM,
            Status.NOT_APPLICABLE,
            Severity.HIGH,
            Basis.DECLARED,
            "Nothing listens on the network.",
        ),
        Finding(
            "CHK-LOG-REVIEW",
            "Alerts and access reports are read",
            "audit_logging",
            _SYSTEM,
            Status.WAIVED,
            Severity.MEDIUM,
            Basis.ATTESTED,
            "Waived by the security officer until 2026-12-31.",
        ),
    )


def _validations(kept: dict[str, Evidence]) -> tuple[ControlValidation, ...]:
    restricted = SecurityLevel.RESTRICTED
    return (
        ControlValidation(
            "patients",
            restricted,
            "encryption",
            True,
            Status.FAIL,
            "3 of 4 files hold plaintext",
            (kept["bytes"].digest,),
        ),
        ControlValidation(
            "patients",
            restricted,
            "access",
            True,
            Status.FAIL,
            "1 file is readable by everybody",
            (kept["modes"].digest,),
        ),
        ControlValidation(
            "payments", restricted, "encryption", True, Status.NOT_ASSESSED, "nothing measured it"
        ),
    )


def _digits_robustness(kept: dict[str, Evidence]) -> Robustness:
    return Robustness(
        model=_DIGITS,
        examples=64,
        clean=wilson(62, 64),
        worst_case=wilson(18, 64),
        worst_case_epsilon=0.1,
        curves=(
            _curve("pgd", "linf", kept["pgd"], {0.03: 49, 0.1: 22, 0.2: 3}, 100.0, 40.0),
            _curve("fgsm", "linf", kept["fgsm"], {0.03: 55, 0.1: 43, 0.2: 29}, 2.0, 1.0),
            _corruption("noise", "standard deviation", kept["noise"], {0.05: 61, 0.1: 52, 0.2: 31}),
            _corruption("rotation", "degrees", kept["noise"], {5.0: 62, 15.0: 54, 30.0: 27}),
            _corruption("brightness", "shift", kept["noise"], {0.1: 62, 0.2: 60, 0.4: 48}),
        ),
    )


def _risk_robustness(kept: dict[str, Evidence]) -> Robustness:
    return Robustness(
        model=_RISK,
        examples=64,
        clean=wilson(55, 64),
        worst_case=None,
        worst_case_epsilon=None,
        curves=(_curve("square", "linf", kept["risk"], {0.05: 50}, 300.0, 0.0),),
    )


def _curve(
    member: str,
    norm: str,
    evidence: Evidence,
    survivors: dict[float, int],
    forwards: float,
    gradients: float,
) -> Curve:
    return Curve(
        member=member,
        family="attack",
        norm=norm,
        unit="epsilon",
        points=tuple(CurvePoint(eps, wilson(n, 64)) for eps, n in survivors.items()),
        forwards_per_example=forwards,
        gradients_per_example=gradients,
        seed=7,
        parameters={"steps": 40, "restarts": 1, "schedule": [1, 2]},
        evidence=evidence.digest,
    )


def _corruption(member: str, unit: str, evidence: Evidence, survivors: dict[float, int]) -> Curve:
    return Curve(
        member=member,
        family="corruption",
        norm="",
        unit=unit,
        points=tuple(CurvePoint(amount, wilson(n, 64)) for amount, n in survivors.items()),
        forwards_per_example=1.0,
        gradients_per_example=0.0,
        seed=7,
        parameters={},
        evidence=evidence.digest,
    )


def _risks(kept: dict[str, Evidence]) -> tuple[Risk, ...]:
    return (
        Risk(
            _DIGITS,
            "model_inversion",
            "Model inversion",
            None,
            SecurityLevel.INTERNAL,
            "assay model privacy, at depth full",
            ("OWASP ML03", "AML.T0024.001"),
            ("differential_privacy", "output_perturbation"),
        ),
        Risk(
            _DIGITS,
            "evasion_attacks",
            "Evasion",
            wilson(46, 64),
            SecurityLevel.INTERNAL,
            "worst case of pgd and fgsm at epsilon 0.1",
            ("OWASP ML01", "AML.T0015"),
            ("adversarial_training",),
            "mitigate, owner ml-platform",
            (kept["pgd"].digest, kept["fgsm"].digest),
        ),
        Risk(
            _RISK, "membership_inference", "Membership inference", None, None, "assay model privacy"
        ),
    )


def _postures() -> tuple[Posture, ...]:
    return (
        _posture("hipaa", "HIPAA Security, Privacy and Breach Rules", "yes", 0.68, 0.55, 2),
        _posture("gdpr", "General Data Protection Regulation", "yes", 0.7, 0.61, 1),
        _posture("soc2", "SOC 2", "ask", None, None, 0),
        _posture("iso27001", "ISO/IEC 27001", "undetermined", 0.5, 0.0004, 1),
    )


def _posture(
    framework: str,
    title: str,
    answer: str,
    coverage: float | None,
    conformance: float | None,
    criticals: int,
) -> Posture:
    states = (Status.FAIL, Status.UNKNOWN, Status.PASS, Status.NOT_ASSESSED, Status.NOT_APPLICABLE)
    controls = tuple(
        ControlState(
            Control(framework, f"{framework}.{n}", f"Control {n}", "Asks for one thing.", "partly"),
            state,
            () if state is Status.NOT_ASSESSED else ("CHK-ENC-REST", "CHK-FILE-ACCESS"),
        )
        for n, state in enumerate(states * 2, start=1)
    )
    return Posture(
        framework=framework,
        title=title,
        version="2026-11-22",
        applicability=Applicability(
            framework,
            answer,
            f"{framework}-scope-1",
            "The organisation declares that it treats patients.",
            "assay.toml, facts of 2026-10-01",
            ("holds_health_data",) if answer == "undetermined" else (),
        ),
        mode="point in time",
        as_of=AS_OF,
        applicable=8,
        assessed=0 if coverage is None else 6,
        coverage=coverage,
        conformance=conformance,
        open_criticals=criticals,
        controls=controls,
    )
