"""Formatting of a diagnosis as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sapnet.doctor.finding import SEVERITIES, Diagnosis, Examination, Fact, Finding, Severity

MAX_SHOWN = 8
"""Largest number of shown findings of one kind; the json has all."""

_COLORS: dict[Severity, str] = {"error": "31;1", "warning": "33;1", "note": "36"}
_INDENT = "    "


def format_diagnosis(diagnosis: Diagnosis, width: int = 100, *, color: bool = False) -> str:
    """Format facts, then findings by severity and kind, then their counts.

    Args:
        diagnosis: the diagnosis.
        width: width of the terminal in characters.
        color: True to color the severities with ANSI sequences.
    """
    width = max(width, 40)
    blocks = [_facts(part, width) for part in diagnosis.examinations if part.facts]
    for severity in SEVERITIES:
        for part in diagnosis.examinations:
            found = [finding for finding in part.findings if finding.severity == severity]
            for kind in dict.fromkeys(finding.kind for finding in found):
                members = [finding for finding in found if finding.kind == kind]
                head = f"{_paint(severity, color)}  {part.title}: {kind}"
                blocks.append(_group(head, members, width))
    counts = ", ".join(_plural(diagnosis.count(severity), severity) for severity in SEVERITIES)
    return "\n\n".join([*blocks, counts])


def _facts(part: Examination, width: int) -> str:
    longest = max(len(fact.name) for fact in part.facts)
    lines = [_fact(fact, longest, width) for fact in part.facts]
    return "\n".join([part.title, *lines])


def _fact(fact: Fact, longest: int, width: int) -> str:
    head = f"  {fact.name:<{longest}}  "
    return textwrap.fill(
        fact.value,
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
    )


def _group(head: str, findings: Sequence[Finding], width: int) -> str:
    """Format the findings of one kind; a common message is printed once."""
    count = f" ({len(findings)})" if len(findings) > 1 else ""
    shown = findings[:MAX_SHOWN]
    if len(shown) > 1 and len({finding.message for finding in findings}) == 1:
        entries = [shown[0].message, "; ".join(finding.place for finding in shown)]
    else:
        entries = [f"{f.place}: {f.message}" if f.place else f.message for f in shown]
    lines = [f"{head}{count}", *(_fill(entry, width) for entry in entries)]
    if len(findings) > MAX_SHOWN:
        lines.append(f"{_INDENT}... and {len(findings) - MAX_SHOWN} more; --out FILE.json has all")
    return "\n".join(lines)


def _fill(text: str, width: int) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _paint(severity: Severity, color: bool) -> str:
    return f"\033[{_COLORS[severity]}m{severity}\033[0m" if color else severity


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
