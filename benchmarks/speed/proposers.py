"""Speed of proposing: `click`, `regions` on two processes, `sam` against its encoder.

    OMP_NUM_THREADS=2 python -m benchmarks.speed.proposers \
        --json proposers.json --plot proposers.png
    python -m benchmarks.speed.proposers --only click

`click` runs on one core, with the embedded weights and 8 masks a click, on one generated photograph
of 640 x 480 px with 20 clicks: the image alone, its first click from the pixels on, and all clicks.

`regions` proposes for the same generated photographs with one worker and with two, start-up of the
processes included. Both stores must hold the same bytes. `sam` is a SAM of ViT-B size with random
weights that have the range of trained ones, on one photograph of 640 x 480 px with 20 clicks.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import (
    Timing,
    as_samples,
    median,
    parse_arguments,
    setting,
    table,
    time_side_by_side,
    write_json,
)
from benchmarks.plots import draw_costs
from benchmarks.speed.scenes import HEIGHT, WIDTH, click_set, draw_photograph, write_photographs
from sapnet.proposals.click.proposer import ClickProposer
from sapnet.proposals.click.weights import embedded_weights
from sapnet.proposals.config import RunConfig, SamConfig
from sapnet.proposals.propose import propose_dataset
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.proposals.sam import SamProposer
from sapnet.structures.clicks import Click, ImageRecord
from sapnet.structures.proposals import Proposals

REGION_CLICKS, SAM_CLICKS, CLICKS, PROCESSES = 8, 20, 20, 2
PROPOSERS = ("click", "regions", "sam")
SIZES = (1, 2, 5, 10, 20, 50, 100)
"""Numbers of clicks of the plot."""

WEIGHT_RANGE = 0.02
"""Standard deviation of the random weights, the same as in the decoder."""


def digest(store: Path) -> str:
    """Return a hash of all shards of a store."""
    whole = hashlib.sha256()
    for file in sorted((store / "shards").iterdir()):
        whole.update(file.name.encode() + file.read_bytes())
    return whole.hexdigest()


def time_regions(folder: Path, num_images: int, repeats: int) -> dict[str, list[Timing]]:
    """Time one process and two processes, in turn.

    Raises:
        SystemExit: the stores differ.
    """
    records = write_photographs(folder / "images", num_images)
    clicks = click_set(records, REGION_CLICKS)
    digests: set[str] = set()

    def run(workers: int) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            store = Path(out) / "store"
            run_cfg = RunConfig(workers=workers)
            propose_dataset(folder / "images", clicks, store, RegionProposer(), run_cfg)
            digests.add(digest(store))

    runs = {f"regions_{n}": partial(run, n) for n in (1, PROCESSES)}
    for start in runs.values():  # compared before anything is timed
        start()
    if len(digests) != 1:
        raise SystemExit("regions: the stores of one and of two processes differ")
    return time_side_by_side(runs, repeats, warm_up=0)


def make_sam(folder: Path) -> SamProposer:
    """Make a SAM of ViT-B size with random weights, read by the proposer's own loader."""
    from transformers import SamConfig as ModelConfig
    from transformers import SamImageProcessor, SamModel

    torch.manual_seed(0)
    # The configuration's own range for the encoder, 1e-10, gives denormal numbers. They make the
    # encoder several times slower than trained weights do, and the decoder would look cheap.
    config = ModelConfig(vision_config={"initializer_range": WEIGHT_RANGE})
    SamModel(config).save_pretrained(folder)
    SamImageProcessor().save_pretrained(folder)
    return SamProposer(SamConfig(checkpoint=str(folder), device="cpu"))


def check_sam(
    proposer: SamProposer, embeddings: torch.Tensor, click: Click, found: Proposals
) -> None:
    """Compare a click's proposals with those of transformers for that click alone.

    Raises:
        SystemExit: masks differ by more than a few pixels at the outline.
    """
    from sapnet.geometry.rle import encode_masks, rle_iou

    model, processor = proposer.segmenter.model, proposer.segmenter.image_processor
    scale = 1024 / WIDTH  # SAM resizes the longer side to 1024; pixel indices, not edges
    point = torch.tensor([[[[side * scale - 0.5 for side in click.point]]]])
    with torch.inference_mode():
        output = model(
            image_embeddings=embeddings,
            input_points=point,
            input_labels=torch.ones(1, 1, 1, dtype=torch.int64),
        )
    resized = [[round(HEIGHT * scale), 1024]]
    masks = processor.post_process_masks(output.pred_masks, [[HEIGHT, WIDTH]], resized)[0][0]
    expected = encode_masks(masks.numpy())
    ious = np.diag(rle_iou(expected, found.rles))
    scores = output.iou_scores.flatten().clamp(0, 1).numpy()
    if (ious < 0.99).any() or not np.allclose(scores, found.scores, atol=1e-3):
        raise SystemExit(f"sam: IoU {ious} with the masks of the click alone")


def time_clicks(proposer: SamProposer) -> list[float]:
    """Return the seconds of the masks of more and more clicks on an encoded image."""
    prepared = proposer.prepare(draw_photograph(np.random.default_rng(0)))
    seconds = []
    for count in SIZES:
        clicks = click_set([ImageRecord(0, "a.jpg", WIDTH, HEIGHT)], count).clicks
        decode = partial(proposer.propose_prepared, prepared, clicks, range(count))
        seconds.append(median(time_side_by_side({"decode": decode}, 1)["decode"]).wall)
    return seconds


def time_sam(proposer: SamProposer, repeats: int) -> dict[str, list[Timing]]:
    """Time the encoder alone and the whole proposer, in turn; compare all masks first."""
    image = draw_photograph(np.random.default_rng(0))
    clicks = click_set([ImageRecord(0, "a.jpg", WIDTH, HEIGHT)], SAM_CLICKS).clicks
    model, processor = proposer.segmenter.model, proposer.segmenter.image_processor
    pixels = processor(images=image, return_tensors="pt")["pixel_values"]
    results: dict[str, Any] = {}

    @torch.inference_mode()
    def encode() -> None:
        results["embeddings"] = model.get_image_embeddings(pixels)

    def propose() -> None:
        results["proposals"] = proposer.propose(image, clicks)

    encode()
    propose()
    for click, found in zip(clicks, results["proposals"], strict=True):
        check_sam(proposer, results["embeddings"], click, found)
    runs = {"sam_encoder": encode, f"sam_{SAM_CLICKS}_clicks": propose}
    return time_side_by_side(runs, repeats, warm_up=0)


def time_click(repeats: int) -> dict[str, list[Timing]]:
    """Time the click segmenter on one core: an image alone, with its first click, with all."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    image = draw_photograph(np.random.default_rng(0))
    clicks = click_set([ImageRecord(0, "a.jpg", WIDTH, HEIGHT)], CLICKS).clicks
    proposer = ClickProposer(embedded_weights())
    runs = {
        "click_image": partial(proposer.prepare, image),
        "click_first": partial(proposer.propose, image, clicks[:1]),
        f"click_{CLICKS}": partial(proposer.propose, image, clicks),
    }
    timings = time_side_by_side(runs, repeats)
    torch.set_num_threads(threads)
    return timings


def summarize_click(timings: Mapping[str, list[Timing]]) -> dict[str, float]:
    """Return the seconds of the first click, and of each of many, by clock and processor."""
    image, first, whole = (median(timings[f"click_{n}"]) for n in ("image", "first", CLICKS))
    return {
        "click_first_s": first.wall,
        "click_first_cpu_s": first.cpu,
        "click_each_s": (whole.wall - image.wall) / CLICKS,
        "click_each_cpu_s": (whole.cpu - image.cpu) / CLICKS,
    }


def summarize_regions(timings: Mapping[str, list[Timing]], images: int) -> dict[str, float]:
    """Return the gain by a second process, and the seconds of an image with one."""
    one, two = (median(timings[f"regions_{n}"]) for n in (1, PROCESSES))
    return {"regions_ratio": one.wall / two.wall, "regions_s_per_image": one.wall / images}


def summarize_sam(timings: Mapping[str, list[Timing]]) -> dict[str, float]:
    """Compare the whole proposer with its encoder."""
    encoder, whole = median(timings["sam_encoder"]), median(timings[f"sam_{SAM_CLICKS}_clicks"])
    return {
        "sam_encoder_ratio": encoder.wall / whole.wall,
        "sam_over_encoder": whole.wall / encoder.wall,
        "sam_over_encoder_cpu": whole.cpu / encoder.cpu,
        "sam_encoder_s": encoder.wall,
        "sam_s": whole.wall,
        "sam_click_ms": 1e3 * (whole.wall - encoder.wall) / SAM_CLICKS,
    }


def draw_sam(path: Path, encoder: float, by_clicks: list[float]) -> None:
    """Draw the seconds of `sam` against the number of clicks."""
    costs = {
        "encoder": [encoder] * len(SIZES),
        "masks of the clicks": by_clicks,
        "both": [encoder + seconds for seconds in by_clicks],
    }
    draw_costs(path, SIZES, costs, ("clicks on an image", "seconds"))


def main() -> None:
    """Time the proposers, print and write the figures."""
    args = parse_arguments(
        __doc__,
        only={"choices": PROPOSERS, "nargs": "+", "default": PROPOSERS, "help": "proposers"},
        images={"type": int, "default": 48, "help": "images of `regions`"},
        repeats={"type": int, "default": 2, "help": "runs of `regions`"},
        click_repeats={"type": int, "default": 7, "help": "runs of `click`"},
        sam_repeats={"type": int, "default": 3, "help": "runs of `sam`"},
        plot={"type": Path, "help": "PNG file: cost of `sam` against the number of clicks"},
    )
    timings: dict[str, list[Timing]] = {}
    summary: dict[str, float] = {}
    by_clicks: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "click" in args.only:
            timings |= time_click(args.click_repeats)
            summary |= summarize_click(timings)
        if "regions" in args.only:
            timings |= time_regions(Path(folder) / "regions", args.images, args.repeats)
            summary |= summarize_regions(timings, args.images)
        if "sam" in args.only:
            proposer = make_sam(Path(folder) / "sam")
            timings |= time_sam(proposer, args.sam_repeats)
            summary |= summarize_sam(timings)
            by_clicks = {"sam_s_by_clicks": time_clicks(proposer)}
    if args.plot is not None and by_clicks:
        draw_sam(args.plot, summary["sam_encoder_s"], by_clicks["sam_s_by_clicks"])
    print(table(("figure", "value"), summary.items()))
    own = {
        "only": list(args.only),
        "images": args.images,
        "clicks": REGION_CLICKS,
        "sam_clicks": SAM_CLICKS,
        "sizes": SIZES,
    }
    write_json(
        args.json, summary, setting(processes=PROCESSES, **own), as_samples(timings) | by_clicks
    )


if __name__ == "__main__":
    main()
