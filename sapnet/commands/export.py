"""`sapnet export`: a trained run for another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, WrongUseError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--run",
        type=str,
        required=True,
        help="run folder of sapnet train, or a name on the Hugging Face hub",
    )
    parser.add_argument("--format", type=str, default="onnx", help="onnx, openvino or torchscript")
    parser.add_argument(
        "--out", type=Path, required=True, help="file to write: .onnx, .xml or .pt by the format"
    )
    parser.add_argument(
        "--int8",
        type=Path | None,
        metavar="IMAGES",
        help="folder of images like those to come: convolutions then work in 8 bits, with ranges "
        "measured on these images (onnx and openvino)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.network.exporting.write import ExportConfig, export
    from sapnet.network.loading import load_model

    try:
        cfg = ExportConfig(args.format, args.int8, args.overwrite)
    except ValueError as error:
        raise WrongUseError(error) from error
    summary = export(load_model(args.run, "cpu"), args.out, cfg)
    facts = summary.facts
    print(
        f"{len(facts.categories)} categories, {facts.num_instances} instances an image, "
        f"{facts.precision}, any height and width"
    )
    print(f"written: {', '.join(map(str, summary.files))}")
    print(f"next: sapnet predict --run {args.out} --images new_photos --out predictions")
    return SUCCESS


COMMAND = Command(
    "write a trained run for ONNX Runtime, OpenVINO or TorchScript",
    _add_arguments,
    _run,
    (
        "sapnet export --run run --out model.onnx",
        "sapnet export --run run --format openvino --int8 photos --out model.xml",
    ),
    writes=("out",),
)
