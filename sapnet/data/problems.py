"""A rule of a data file that a record breaks: raised at once, or gathered with all the others.

The rules are written once, in the loaders. A loader stops at the first problem; `sapnet doctor`
hands it a list to put all of them into.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


class RecordError(ValueError):
    """A record of a data file that breaks a rule.

    Attributes:
        kind: the rule in a few words, the same for all records that break it.
        place: where in the file, in words; empty if it is the file itself.
        detail: what was expected, what was found and what to do.
        image_id: the image concerned, where one is.
        annotation_id: the object concerned, where one is.
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
"""What is told of a broken rule: it raises, or takes note."""


def raise_first(error: RecordError) -> None:
    """The report of everybody who needs correct files: the first problem ends the reading."""
    raise error


def attempt(report: Report, check: Callable[..., Found], *args: object) -> Found | None:
    """The value of a check, or None where a rule is broken and `report` does not raise."""
    try:
        return check(*args)
    except RecordError as error:
        report(error)
        return None
