"""`sapnet segment`: masks for clicks on one image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sapnet.commands.command import SKIPPED, SUCCESS, Command, WrongUseError
from sapnet.commands.exporting import add_format_argument, export_formats
from sapnet.commands.reading import add_bands_argument, add_reading_arguments
from sapnet.data.image_files.settings import check_reading
from sapnet.prediction.clicked.text import (
    BOX_SYNTAX,
    POINT_SYNTAX,
    ObjectPrompt,
    parse_box,
    parse_object,
)
from sapnet.proposals.config import StagedConfig, StagedName
from sapnet.system.lock import locked

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.prediction.detections import Detections
    from sapnet.proposals.proposer import Proposer
    from sapnet.system.from_json import JSON


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("image", type=str, help="image file, or its URL")
    parser.add_argument(
        "--points",
        type=str,
        nargs="+",
        default=[],
        metavar="OBJECT",
        help=f"one object each, in pixels of the upright image: {POINT_SYNTAX}; + is a further "
        "click on the object, - one off it, @ its box",
    )
    parser.add_argument(
        "--boxes",
        type=str,
        nargs="+",
        default=[],
        metavar="BOX",
        help=f"objects without a click, one each: {BOX_SYNTAX}; the center stands for the click",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--proposer",
        type=str,
        choices=list(get_args(StagedName)),
        default="auto",
        help='"click" (the embedded segmenter), "sam" or "regions"; "auto" takes sam if its '
        "weights are in the hub's cache, else click",
    )
    parser.add_argument(
        "--checkpoint",
        type=str,
        default=None,
        help="weights of click (a file) or sam (a hub name or folder); by default those embedded, "
        "and facebook/sam-vit-base",
    )
    parser.add_argument("--device", type=str, default="auto", help="device of sam")
    add_reading_arguments(parser)
    add_bands_argument(parser)
    add_format_argument(parser)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    prompts = [
        *_parse("--points", args.points, parse_object),
        *_parse("--boxes", args.boxes, parse_box),
    ]
    if not prompts:
        raise WrongUseError("expected an object, found none: give --points x,y or --boxes")
    try:
        check_reading(args.bits, args.max_pixels, args.bands)
    except ValueError as error:
        raise WrongUseError(error) from error
    from sapnet.prediction.clicked.files import check_folder

    with locked(args.out):
        check_folder(args.out, overwrite=args.overwrite)
        return _segment_and_write(args, prompts)


def _segment_and_write(args: Namespace, prompts: Sequence[ObjectPrompt]) -> int:
    from sapnet.data.coco import load_instances
    from sapnet.prediction.clicked.files import write_clicked
    from sapnet.system.locations import is_remote

    proposer, detections = _segment(args, prompts)
    info: dict[str, JSON] = {"proposer": proposer.name, "settings": dict(proposer.settings)}
    name = args.image.rstrip("/").rpartition("/")[2]
    written = write_clicked(args.out, name, prompts, detections, info)
    print(f"{len(prompts)} masks: {written.masks}")
    print(f"pictures: {written.overlay}, {written.pictures[0].parent}")
    if not args.format:
        return SUCCESS
    images = args.out if is_remote(args.image) else Path(args.image).parent
    instances = load_instances(written.masks)
    findings = export_formats(instances, args, images, written.masks.with_suffix(""))
    return SKIPPED if findings.num_skipped else SUCCESS


def _parse(
    option: str, texts: Sequence[str], parse: Callable[[str], ObjectPrompt]
) -> list[ObjectPrompt]:
    """Read the values of an option."""
    try:
        return [parse(text) for text in texts]
    except ValueError as error:
        raise WrongUseError(f"{option}: {error}") from error


def _segment(args: Namespace, prompts: Sequence[ObjectPrompt]) -> tuple[Proposer, Detections]:
    """Read the image and segment the objects."""
    from sapnet.api.segment_clicks import segment_clicks
    from sapnet.data.image_files.limit import allowing_pixels
    from sapnet.prediction.clicked.files import UNNAMED
    from sapnet.prediction.inputs import read_images
    from sapnet.proposals.build import build_staged_proposer
    from sapnet.proposals.config import SamConfig

    with allowing_pixels(args.max_pixels):
        # Before the proposer, whose weights take time.
        (pixels,) = read_images([args.image], args.bits, args.bands or ())
    sam = SamConfig(device=args.device)
    proposer = build_staged_proposer(
        StagedConfig(args.proposer, sam=sam, checkpoint=args.checkpoint)
    )
    detections = segment_clicks(
        pixels,
        [prompt.points for prompt in prompts],
        [prompt.label or UNNAMED for prompt in prompts],
        proposer,
        negative_points=[prompt.negative_points for prompt in prompts],
        boxes=[prompt.box for prompt in prompts],
    )
    return proposer, detections


COMMAND = Command(
    "masks for clicks on one image, without any training",
    _add_arguments,
    _run,
    (
        "sapnet segment photo.jpg --points 320,240,cup 410,250,cup --out masks",
        "sapnet segment photo.jpg --points 320,240+300,260-350,280@250,180,400,300 --out masks",
    ),
    main_options=(
        "image",
        "points",
        "boxes",
        "out",
        "proposer",
        "checkpoint",
        "device",
        "overwrite",
        "format",
    ),
)
