"""What an examination comes to: facts, and findings with their severity and place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sapnet.data.problems import RecordError

Severity = Literal["error", "warning", "note"]
"""error: a command will refuse it, or what comes out is wrong; warning: probably not what was
meant; note: worth knowing."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The gravest first."""


@dataclass(frozen=True)
class Finding:
    """Something worth telling.

    Attributes:
        severity: how grave it is.
        kind: what it is in a few words, the same for all findings of the kind.
        message: what was expected, what was found and what to do.
        place: where, in words; empty if it concerns the whole.
        image_id: the image concerned, where it is one.
        annotation_id: the object concerned, where it is one.
    """

    severity: Severity
    kind: str
    message: str
    place: str = ""
    image_id: int | None = None
    annotation_id: int | None = None


@dataclass(frozen=True)
class Fact:
    """A name and a value, to be read by a person."""

    name: str
    value: str


@dataclass(frozen=True)
class Examination:
    """One part of the whole: the software, the clicks, the run.

    Attributes:
        title: heading.
        facts: what is there.
        findings: what is wrong or noteworthy with it.
    """

    title: str
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was examined.

    Attributes:
        examinations: in the order in which they are told.
    """

    examinations: tuple[Examination, ...] = field(default=())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the gravest first, otherwise in order."""
        found = [finding for part in self.examinations for finding in part.findings]
        return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))

    def count(self, severity: Severity) -> int:
        """How many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def has_errors(self) -> bool:
        """True if anything is wrong."""
        return self.count("error") > 0

    def to_json(self) -> dict[str, Any]:
        """Return counts by severity, facts by part, and all findings."""
        return {
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
            "facts": {
                part.title: {fact.name: fact.value for fact in part.facts}
                for part in self.examinations
            },
            "findings": [asdict(finding) for finding in self.findings],
        }


def findings_from(errors: Iterable[RecordError]) -> list[Finding]:
    """Return broken rules of a data file as findings."""
    return [
        Finding(
            "error",
            error.kind,
            error.detail,
            place=error.place,
            image_id=error.image_id,
            annotation_id=error.annotation_id,
        )
        for error in errors
    ]
