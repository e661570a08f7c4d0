"""Speed of proposing: `regions` on two processes, `sam` against its encoder alone.

    OMP_NUM_THREADS=2 python -m benchmarks.speed.proposers \
        --json proposers.json --plot proposers.png

`regions` proposes for the same generated photographs with one worker and with two, start-up of the
processes included. Both stores must hold the same bytes. `sam` is a SAM of ViT-B size with random
weights that have the range of trained ones, on one photograph of 640 x 480 px with 20 clicks.
"""

from __future__ import annotations

import hashlib
import tempfile
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
from sapnet.proposals.config import RunConfig, SamConfig
from sapnet.proposals.propose import propose_dataset
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.proposals.sam import SamProposer
from sapnet.structures.clicks import Click, ImageRecord
from sapnet.structures.proposals import Proposals

REGION_CLICKS, SAM_CLICKS, PROCESSES = 8, 20, 2
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


def main() -> None:
    """Time both proposers, print and write the figures."""
    args = parse_arguments(
        __doc__,
        images={"type": int, "default": 48, "help": "images of `regions`"},
        repeats={"type": int, "default": 2, "help": "runs of `regions`"},
        sam_repeats={"type": int, "default": 3, "help": "runs of `sam`"},
        plot={"type": Path, "help": "PNG file: cost of `sam` against the number of clicks"},
    )
    with tempfile.TemporaryDirectory() as folder:
        timings = time_regions(Path(folder) / "regions", args.images, args.repeats)
        proposer = make_sam(Path(folder) / "sam")
        timings |= time_sam(proposer, args.sam_repeats)
    by_clicks = time_clicks(proposer)
    middle = {name: median(runs) for name, runs in timings.items()}
    one, two = middle["regions_1"], middle[f"regions_{PROCESSES}"]
    encoder, whole = middle["sam_encoder"], middle[f"sam_{SAM_CLICKS}_clicks"]
    summary = {
        "regions_ratio": one.wall / two.wall,
        "regions_s_per_image": one.wall / args.images,
        "sam_encoder_ratio": encoder.wall / whole.wall,
        "sam_over_encoder": whole.wall / encoder.wall,
        "sam_over_encoder_cpu": whole.cpu / encoder.cpu,
        "sam_encoder_s": encoder.wall,
        "sam_s": whole.wall,
        "sam_click_ms": 1e3 * (whole.wall - encoder.wall) / SAM_CLICKS,
    }
    if args.plot is not None:
        costs = {
            "encoder": [encoder.wall] * len(SIZES),
            "masks of the clicks": by_clicks,
            "both": [encoder.wall + seconds for seconds in by_clicks],
        }
        draw_costs(args.plot, SIZES, costs, ("clicks on an image", "seconds"))
    print(table(("figure", "value"), summary.items()))
    own = {"images": args.images, "clicks": REGION_CLICKS, "sam_clicks": SAM_CLICKS, "sizes": SIZES}
    samples = as_samples(timings) | {"sam_s_by_clicks": by_clicks}
    write_json(args.json, summary, setting(processes=PROCESSES, **own), samples)


if __name__ == "__main__":
    main()
