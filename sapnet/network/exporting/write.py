"""Writing of a network for ONNX Runtime, OpenVINO or TorchScript."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch

from sapnet.network.exporting.check import check_same, example_image
from sapnet.network.exporting.facts import IMAGES, KEY, OUTPUTS, ExportedFacts
from sapnet.network.exporting.graph import InferenceGraph, facts_of
from sapnet.network.exporting.int8 import calibration_inputs, write_int8
from sapnet.network.exporting.sessions import needs_extra
from sapnet.system.files import replaced_file

if TYPE_CHECKING:
    from sapnet.network.model import Network
    from sapnet.system.locations import Location

Format = Literal["onnx", "openvino", "torchscript"]

SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".pt"}
"""Ending of the file of each format. OpenVINO's weights lie beside it, in a .bin file."""

OPSET = 17
"""Version of the ONNX operators; first with all that is used, LayerNorm of backbones included."""


@dataclass(frozen=True)
class ExportConfig:
    """Settings of `sapnet export`.

    Attributes:
        format: "onnx", "openvino" or "torchscript".
        int8: folder of images that the convolutions' ranges are measured on: they are then done in
            8 bits, in ONNX and OpenVINO. None keeps float32.
        overwrite: replace an existing file.
    """

    format: Format = "onnx"
    int8: Path | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise ValueError(f"format: expected {' or '.join(SUFFIXES)}, found {self.format!r}")
        if self.format == "torchscript" and self.int8 is not None:
            raise ValueError("--int8 is for the formats onnx and openvino. Leave one of them out")


@dataclass(frozen=True)
class ExportSummary:
    """Result of an export.

    Attributes:
        files: the written files, the one to name first.
        facts: what the file says about itself.
    """

    files: tuple[Path, ...]
    facts: ExportedFacts


def export(network: Network, out: Path | str, cfg: ExportConfig | None = None) -> ExportSummary:
    """Write a network for another runtime.

    In float32 the file is run once, at another image size than the one it was traced at, and
    compared with the network before it gets its name.

    Args:
        network: a trained network with a segmenter, on the CPU.
        out: file to write; its ending is that of the format (`SUFFIXES`).
        cfg: format and precision; the defaults if None.

    Raises:
        ValueError: the ending is another one, the network has no segmenter, or its backbone gives
            other results in this format.
        FileExistsError: the file exists, and `overwrite` is not set.
        ModuleNotFoundError: a library of the extra `export` is missing.
    """
    cfg, out = cfg or ExportConfig(), Path(out)
    files = _check_files(out, cfg)
    facts = facts_of(network)
    if cfg.int8 is not None:
        facts = facts.as_int8()
    graph = InferenceGraph(network).eval()
    with TemporaryDirectory() as scratch, torch.no_grad(), _quiet(), needs_extra():
        made = Path(scratch) / f"model{SUFFIXES[cfg.format]}"
        WRITERS[cfg.format](graph, made, facts, cfg.int8)
        if cfg.int8 is None:
            check_same(graph, made, facts)
        for target in files:
            with replaced_file(target) as file:
                file.write(made.with_suffix(target.suffix).read_bytes())
    return ExportSummary(files[::-1], facts)


def _check_files(out: Path, cfg: ExportConfig) -> tuple[Path, ...]:
    """Return the files that are written, after a check of their names."""
    suffix = SUFFIXES[cfg.format]
    if out.suffix != suffix:
        raise ValueError(
            f"{out}: expected a file that ends in {suffix} for --format {cfg.format}, found "
            f"{out.suffix or 'no ending'!r}"
        )
    # The weights come first: a file that is there can be loaded.
    files = (out.with_suffix(".bin"), out) if cfg.format == "openvino" else (out,)
    for file in files:
        if file.exists() and not cfg.overwrite:
            raise FileExistsError(f"{file} exists. --overwrite replaces it, or name another --out")
    return files


def _write_torchscript(
    graph: InferenceGraph, path: Path, facts: ExportedFacts, int8: Location | None
) -> None:
    del int8
    traced: Any = torch.jit.trace(graph, (example_image(facts),), check_trace=False)  # type: ignore[no-untyped-call]
    torch.jit.save(traced, str(path), _extra_files={KEY: facts.to_json()})


def _write_onnx(
    graph: InferenceGraph, path: Path, facts: ExportedFacts, int8: Location | None
) -> None:
    import onnx

    # Tracing takes seconds; torch.export needs minutes for a small network with free sizes.
    known = inspect.signature(torch.onnx.export).parameters
    plain: dict[str, Any] = {"dynamo": False} if "dynamo" in known else {}
    torch.onnx.export(
        graph,
        (example_image(facts),),
        str(path),
        input_names=[IMAGES],
        output_names=list(OUTPUTS),
        dynamic_axes={
            IMAGES: {2: "height", 3: "width"},
            "masks": {1: "mask_height", 2: "mask_width"},
        },
        opset_version=OPSET,
        **plain,
    )
    if int8 is not None:
        write_int8(path, calibration_inputs(int8, facts))
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: facts.to_json()})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _write_openvino(
    graph: InferenceGraph, path: Path, facts: ExportedFacts, int8: Location | None
) -> None:
    import openvino

    source = path.with_suffix(".onnx")
    _write_onnx(graph, source, facts, int8)
    model = openvino.convert_model(source)
    model.set_rt_info(facts.to_json(), [KEY])
    openvino.save_model(model, path, compress_to_fp16=False)


WRITERS: dict[Format, Callable[[InferenceGraph, Path, ExportedFacts, Path | None], None]] = {
    "onnx": _write_onnx,
    "openvino": _write_openvino,
    "torchscript": _write_torchscript,
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the tracer's warnings about sizes taken for constants: results are compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
