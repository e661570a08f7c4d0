"""Shares of the images to train on, to validate and to test, and what stays together."""

from __future__ import annotations

import re
from dataclasses import dataclass

TRAIN, VAL, TEST = "train", "val", "test"

PARTS = (TRAIN, VAL, TEST)

FOLDER = "folder"
"""`group_by` that keeps the images of a folder together."""


@dataclass(frozen=True)
class Split:
    """Shares of the images, and what stays together.

    Attributes:
        shares: shares of train, val and test; their sum is 1.
        seed: seed of the order in which groups are dealt out.
        group_by: "folder", or a regular expression for the file name, whose first group (or whole
            match) is a key: images of one folder or key stay together. None deals out each image.
    """

    shares: tuple[float, float, float]
    seed: int = 0
    group_by: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Parts with a share, in the order of `PARTS`."""
        return tuple(part for part, share in zip(PARTS, self.shares, strict=True) if share)


def parse_split(text: str | None, seed: int = 0, group_by: str | None = None) -> Split | None:
    """Parse the options of a split.

    Args:
        text: shares of train, val and, if there is one, test, such as `0.8/0.1/0.1` or `80/20`;
            None for no split.
        seed: see `Split`.
        group_by: see `Split`.

    Raises:
        ValueError: the text is not two or three numbers, train has no share, the expression is
            malformed, or there is one without a split.
    """
    if text is None:
        if group_by is not None:
            raise ValueError("group_by: expected shares (split), such as 0.8/0.1/0.1, found none")
        return None
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(0 <= n < float("inf") for n in numbers):
        raise ValueError(
            f"split: expected two or three shares such as 0.8/0.1/0.1 or 80/20, found {text!r}"
        )
    if numbers[0] == 0 or sum(numbers[1:]) == 0:
        raise ValueError(
            f"split: expected a share of train, and one of val or test, found {text!r}"
        )
    train, val, test = [n / sum(numbers) for n in (*numbers, 0.0)[:3]]
    if group_by not in (None, FOLDER):
        try:
            re.compile(str(group_by))
        except re.error as error:
            raise ValueError(
                f"group_by: expected 'folder' or a regular expression, found {group_by!r} ({error})"
            ) from error
    return Split((train, val, test), seed, group_by)
