"""Errors in the records of data files: raised at once, or collected.

The rules are written once, in the loaders. By default a loader stops at the first broken rule;
`sapnet doctor` passes a function that collects all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


class RecordError(ValueError):
    """A record of a data file that breaks a rule.

    Attributes:
        kind: short name of the rule, the same for all records that break it.
        place: place in the file, in words; empty if the file itself is wrong.
        detail: what was expected, what was found and what to do.
        image_id: id of the image concerned, if any.
        annotation_id: id of the object concerned, if any.
    """

    def __init__(
        self,
        source: Path | str,
        detail: str,
        *,
        kind: str = "malformed record",
        place: str = "",
        image_id: int | None = None,
        annotation_id: int | None = None,
    ) -> None:
        super().__init__(f"{source}, {place}: {detail}" if place else f"{source}: {detail}")
        self.kind = kind
        self.place = place
        self.detail = detail
        self.image_id = image_id
        self.annotation_id = annotation_id


Report = Callable[[RecordError], None]
"""Handler of a broken rule: it raises the error, or records it."""


def raise_first(error: RecordError) -> None:
    """Raise the error; the handler for callers that need correct files."""
    raise error


def attempt(report: Report, check: Callable[..., Found], *args: object) -> Found | None:
    """Return the value of a check, or None if a rule is broken and `report` does not raise."""
    try:
        return check(*args)
    except RecordError as error:
        report(error)
        return None
