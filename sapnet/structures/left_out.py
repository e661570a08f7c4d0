"""Images that cannot be used, and those that a command left out on request."""

from __future__ import annotations

from dataclasses import dataclass


class UnusableImageError(ValueError):
    """An image of a data set cannot be used: it is missing, damaged or of another size."""


@dataclass(frozen=True)
class LeftOutImage:
    """An image that was left out because it cannot be used.

    Attributes:
        file_name: path of the image below the folder of images.
        reason: what is wrong with it.
    """

    file_name: str
    reason: str
