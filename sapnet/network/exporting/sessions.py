"""Exported files, opened in their runtimes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sapnet.network.exporting.facts import (
    IMAGES,
    KEY,
    OUTPUTS,
    ExportedFacts,
    facts_from_json,
)
from sapnet.system.processes.parallel import num_cores

if TYPE_CHECKING:
    import numpy as np

EXPORTED_SUFFIXES = (".onnx", ".xml", ".pt")
"""Endings of the files of `sapnet export`."""


@dataclass(frozen=True)
class Session:
    """An exported network that is ready to run.

    Attributes:
        facts: what its file says.
        run: maps (1, 3, H, W) uint8 to boxes, scores, labels and masks, see `FixedInstances`.
    """

    facts: ExportedFacts
    run: Callable[[np.ndarray], list[np.ndarray]]


def open_session(path: Path) -> Session:
    """Open an exported file on the CPU.

    Raises:
        FileNotFoundError: there is no such file, or the weights beside it are missing.
        ValueError: it was not written by `sapnet export`.
        ModuleNotFoundError: its runtime is not installed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    openers = {".onnx": _open_onnx, ".xml": _open_openvino, ".pt": _open_torchscript}
    if path.suffix not in openers:
        raise ValueError(
            f"{path}: expected a run folder, or a file of `sapnet export` that ends in "
            f"{', '.join(EXPORTED_SUFFIXES)}"
        )
    try:
        with needs_extra():
            return openers[path.suffix](path)
    except (ModuleNotFoundError, ValueError, FileNotFoundError):
        raise
    except Exception as error:  # each runtime raises its own
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{path}: cannot be opened ({reason}). Export the run again") from error


@contextmanager
def needs_extra() -> Iterator[None]:
    """Say how to install a library of the extra `export` that is missing inside."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"exported models need {error.name}. Install it with `pip install 'sapnet[export]'`",
            name=error.name,
        ) from error


def _open_onnx(path: Path) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_cores()
    # Its threads otherwise spin after each image, on the cores that then resize the masks.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    entries = session.get_modelmeta().custom_metadata_map
    facts = facts_from_json(entries.get(KEY), str(path))
    return Session(facts, lambda images: session.run(list(OUTPUTS), {IMAGES: images}))


def _open_openvino(path: Path) -> Session:
    import openvino

    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: the weights of {path.name} are missing")
    core = openvino.Core()
    model = core.read_model(path)
    text = str(model.get_rt_info([KEY]).astype(str)) if model.has_rt_info([KEY]) else None
    facts = facts_from_json(text, str(path))
    # Some CPUs would work with 16 bits, whose scores differ in the third digit.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": num_cores()}
    compiled = core.compile_model(model, "CPU", settings)

    def run(images: np.ndarray) -> list[np.ndarray]:
        found: Any = compiled({IMAGES: images})
        return [found[name].copy() for name in OUTPUTS]

    return Session(facts, run)


def _open_torchscript(path: Path) -> Session:
    extra = {KEY: ""}
    model: Any = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)  # type: ignore[no-untyped-call]
    text: str | bytes = extra[KEY]
    facts = facts_from_json(text if isinstance(text, str) else text.decode(), str(path))

    def run(images: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            return [value.numpy() for value in model(torch.from_numpy(images))]

    return Session(facts, run)
