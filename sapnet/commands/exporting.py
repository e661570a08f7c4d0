"""Options and messages of the commands that write masks in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sapnet.commands.command import WrongUseError
from sapnet.data.choices import MASK_FORMATS, ImagesAs

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.data.coco import InstanceSet
    from sapnet.data.formats.marks import Findings
    from sapnet.data.formats.writers.export import ExportReport
    from sapnet.data.formats.writers.files import ExportOptions
    from sapnet.data.formats.writers.several import Exports

FORMAT_NAMES = ", ".join(MASK_FORMATS)


def add_format_argument(parser: ArgumentParser) -> None:
    """Add the choice of further formats, for commands that write COCO json anyway."""
    parser.add_argument(
        "--format",
        type=str,
        nargs="*",
        choices=list(MASK_FORMATS),
        default=[],
        metavar="FORMAT",
        help=f"further formats of the masks, each written beside the json: {FORMAT_NAMES}",
    )
    add_export_arguments(parser)


def add_export_arguments(parser: ArgumentParser) -> None:
    """Add the options for masks in other formats."""
    parser.add_argument(
        "--simplify",
        type=float,
        default=0.0,
        help="largest distance of polygons from the outline, px; 0 keeps every corner",
    )
    parser.add_argument(
        "--url-prefix",
        type=str,
        default="/data/local-files/?d=",
        help="prefix of the image URLs in Label Studio",
    )
    parser.add_argument(
        "--images-as",
        choices=get_args(ImagesAs),
        default="link",
        help="put images into exported folders as hard links or copies, or leave them where they "
        "are",
    )
    parser.add_argument(
        "--split",
        type=str | None,
        metavar="SHARES",
        help="shares of train, val and test in exports, such as 0.8/0.1/0.1 or 80/20; by images",
    )
    parser.add_argument(
        "--split-seed", type=int, default=0, help="seed of the split; another one, another split"
    )
    parser.add_argument(
        "--group-by",
        type=str | None,
        help="what the split keeps together: 'folder', or a regular expression for the file name "
        "whose first group is the key, such as '(.+)_tile'",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a file that exists, or what an earlier run wrote into a folder",
    )


def export_options(args: Namespace, images: Path | None) -> ExportOptions:
    """Build the export options from the parsed values.

    Raises:
        WrongUseError: one makes no sense.
    """
    from sapnet.data.formats.writers.files import ExportOptions

    try:
        return ExportOptions.of(args, images)
    except ValueError as error:
        raise WrongUseError(error) from error


def export_formats(instances: InstanceSet, args: Namespace, images: Path, stem: Path) -> Findings:
    """Write every chosen format to `stem-FORMAT`, and print where and what was lost.

    Returns:
        What the formats could not hold.
    """
    from sapnet.data.formats.writers.several import export_several

    exports = export_several(instances, args.format, stem, export_options(args, images))
    print_exports(exports)
    return exports.findings


def print_exports(exports: Exports) -> None:
    """Print where each format was written, and what was lost."""
    for report in exports.reports:
        print_export(report)
    print_findings(exports.findings)


def print_findings(findings: Findings) -> None:
    """Print what was changed or lost, one line per kind."""
    for line in findings.lines():
        print(line)


def print_export(report: ExportReport) -> None:
    """Print where an export was written and what it lost."""
    print(f"{report.num_masks} masks on {report.num_images} images: {report.path}")
    for part in report.parts:
        print(f"  {part.name}: {part.num_masks} masks on {part.num_images} images")
    if report.num_masks:
        print(
            f"  read back: mean IoU {report.mean_iou:.4f}, worst {report.worst_iou:.4f} "
            f"({report.worst_place})"
        )
