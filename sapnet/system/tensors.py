"""Files of tensors from anywhere, read without running what they hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

_LONGEST = 200
"""Characters of a library's reason that a message shows."""


def load_pickled(path: Path, device: Any = "cpu", *, what: str = "tensors") -> Any:  # noqa: ANN401
    """Load a file of `torch.save` that holds tensors and plain values alone.

    Args:
        path: the file.
        device: where its tensors go.
        what: kind of the content, for the message.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds anything else, which is not run.
    """
    import torch

    return _guarded(path, what, lambda: torch.load(path, map_location=device, weights_only=True))


def load_safetensors(path: Path) -> dict[str, Any]:
    """Load the tensors of a safetensors file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged.
    """
    from safetensors.torch import load_file

    found: dict[str, Any] = _guarded(path, "safetensors", lambda: load_file(path))
    return found


def safetensors_notes(path: Path) -> dict[str, str]:
    """Read the notes in the header of a safetensors file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged.
    """
    from safetensors import safe_open

    def read() -> dict[str, str]:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})

    found: dict[str, str] = _guarded(path, "safetensors", read)
    return found


def _guarded(path: Path, what: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        return read()
    except Exception as error:  # of files that may hold anything
        reason = " ".join((str(error).strip() or type(error).__name__).split("\n")[0].split())
        raise ValueError(
            f"{path}: expected a file of {what}, found what cannot be read safely "
            f"({reason[:_LONGEST]}). Copy or write the file again"
        ) from error
