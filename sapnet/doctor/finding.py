"""Results of an examination: facts, and findings with their severity and place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sapnet.data.problems import RecordError

Severity = Literal["error", "warning", "note"]
"""error: a command will refuse it, or its result will be wrong; warning: probably not intended;
note: worth knowing."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The severities, the most severe first."""


@dataclass(frozen=True)
class Finding:
    """A problem or remark.

    Attributes:
        severity: severity of the finding.
        kind: short name, the same for all findings of the kind.
        message: what was expected, what was found and what to do.
        place: place in words; empty if it concerns the whole.
        image_id: id of the image concerned, if any.
        annotation_id: id of the object concerned, if any.
    """

    severity: Severity
    kind: str
    message: str
    place: str = ""
    image_id: int | None = None
    annotation_id: int | None = None


@dataclass(frozen=True)
class Fact:
    """A name and a value, for display."""

    name: str
    value: str


@dataclass(frozen=True)
class Examination:
    """Results of one part, such as the software, the clicks or the run.

    Attributes:
        title: heading.
        facts: facts about the part.
        findings: problems and remarks.
    """

    title: str
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """Results of all examinations.

    Attributes:
        examinations: the parts, in the order of display.
    """

    examinations: tuple[Examination, ...] = field(default=())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the most severe first, otherwise in order."""
        found = [finding for part in self.examinations for finding in part.findings]
        return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))

    def count(self, severity: Severity) -> int:
        """Count the findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def has_errors(self) -> bool:
        """True if there is an error."""
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
    """Convert broken rules of a data file to findings."""
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
