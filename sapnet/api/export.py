"""`sapnet.export`: a trained run as a file for another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sapnet.network.exporting.write import ExportSummary, Format
    from sapnet.network.model import Network


def export(
    run: Path | str | Network,
    out: Path | str,
    *,
    format: Format = "onnx",
    int8: Path | str | None = None,
    overwrite: bool = False,
) -> ExportSummary:
    """Write a trained run for ONNX Runtime, OpenVINO or TorchScript, as `sapnet export`.

    Args:
        run: run folder, USER/NAME on the hub, or a loaded network on the CPU.
        out: file to write: `.onnx`, `.xml` or `.pt` by the format.
        format: "onnx", "openvino" or "torchscript".
        int8: folder of images that the ranges of 8-bit convolutions are measured on; None keeps
            float32.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: the file exists, and `overwrite` is not set.
        ModuleNotFoundError: a library of the extra `export` is missing.
        ValueError: the format is unknown or has another ending, the network has no segmenter, or
            its backbone gives other results in this format.
    """
    from sapnet.api.network import open_network
    from sapnet.network.exporting.write import ExportConfig
    from sapnet.network.exporting.write import export as write

    cfg = ExportConfig(format, None if int8 is None else Path(int8), overwrite)
    return write(open_network(run, "cpu"), out, cfg)
