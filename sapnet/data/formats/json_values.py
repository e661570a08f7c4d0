"""Json of other tools: read once, with one clear error where it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load_json(path: Path) -> Any:  # noqa: ANN401  # any json
    """The content of a json file, a byte order mark allowed.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no json.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Name the exported file.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: expected json, but it cannot be parsed ({error}). Export the file again."
        ) from error
