"""Speed and AP of a trained run in torch, ONNX Runtime and OpenVINO, float32 and int8.

    taskset -c 0 python -m benchmarks.speed.runtimes --run run --images photos \
        --truth instances.json --int8 train_photos --json runtimes.json

Measured is what `sapnet predict` does for an image that is read already: network, Matrix NMS and
masks in the original frame. All runtimes work on the same core. Before timing, the float32 files
must find the instances of the run, with scores within 1e-4; instances of equal scores may come in
another order. The part "network alone" is the network of eager torch without Matrix NMS and masks,
and "masks alone" is what all runtimes have in common: masks in the original frame. `--compiled`
adds the network compiled by torch, which takes minutes and a C++ compiler. The AP (`--truth`) is
that of all images of the folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.common import (
    as_samples,
    median,
    parse_arguments,
    setting,
    table,
    time_side_by_side,
    write_json,
)
from sapnet.batches.collate import collate
from sapnet.batches.images import ImageDataset
from sapnet.data.image_files.listing import find_images
from sapnet.evaluation.evaluate import evaluate
from sapnet.network.compiling import compile_network
from sapnet.network.exporting.network import ExportedNetwork
from sapnet.network.exporting.sessions import open_session
from sapnet.network.exporting.write import ExportConfig, export
from sapnet.network.loading import load_model
from sapnet.network.model import Network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.prediction.predictor import Predictor
from sapnet.prediction.segment import segment_batch
from sapnet.segmentation.postprocess import masks_to_original
from sapnet.structures.batch import Batch
from sapnet.structures.outputs import Predictions

SCORES = 1e-4
"""Largest difference of the scores of float32 files from those of the run."""


def compiled(run: str) -> Iterator[tuple[str, Predictor]]:
    """Yield the compiled network, where there is a compiler."""
    network = load_model(run, "cpu")
    try:
        compile_network(network, network.device)
    except ValueError as error:
        print(error)
        return
    yield "compiled", network


def exported(network: Network, folder: Path, int8: Path | None) -> Iterator[tuple[str, Predictor]]:
    """Yield the files of all runtimes."""
    for kind, suffix in (("onnx", "onnx"), ("openvino", "xml")):
        for images in (None, int8)[: 1 + (int8 is not None)]:
            name = kind if images is None else f"{kind}-int8"
            path = folder / f"{name}.{suffix}"
            export(network, path, ExportConfig(kind, images))  # type: ignore[arg-type]
            yield name, ExportedNetwork(path)


def check(eager: Predictor, other: Predictor, batches: list[Batch]) -> None:
    """Raise a ValueError unless both find the same instances."""
    for batch in batches:
        (expected,), (found,) = segment_batch(eager, batch), segment_batch(other, batch)
        if len(expected) != len(found):
            print(f"{len(found)} instances instead of {len(expected)}: scores at the threshold")
            continue
        worst = (expected.scores - found.scores).abs().max() if len(found) else 0
        if worst > SCORES:
            raise ValueError(f"scores differ by {worst}")
        if not np.array_equal(_labels_of_ties(expected), _labels_of_ties(found)):
            raise ValueError("expected the instances of the run, found others")


def _labels_of_ties(found: Predictions) -> np.ndarray:
    """Return the labels, ordered within scores that are equal to the tolerance."""
    rounded = (found.scores.numpy() / SCORES).round()
    return found.labels.numpy()[np.lexsort((found.labels.numpy(), -rounded))]


def network_alone(network: Network, batches: list[Batch]) -> None:
    """Run backbone, neck and head on all images."""
    with torch.no_grad():
        for batch in batches:
            network.segmenter(network.features(batch.images.float()))


def masks_alone(path: Path, batches: list[Batch], threshold: float) -> Callable[[], None]:
    """Return the work of bringing the masks of all images to the original frame."""
    session, found = open_session(path), []
    for batch in batches:
        (height, width), (original,) = batch.image_sizes[0].tolist(), batch.original_sizes.tolist()
        _, scores, _, masks = session.run(batch.images[:1, :, :height, :width].numpy().copy())
        found.append((torch.from_numpy(masks[scores > 0]), (height, width), tuple(original)))

    def work() -> None:
        for masks, size, original in found:
            masks_to_original(masks, size, original, threshold)

    return work


def say(words: str) -> None:
    """Print progress, apart from the table."""
    print(words, file=sys.stderr, flush=True)


def pass_over(predictor: Predictor, batches: list[Batch]) -> None:
    """Segment all images, one after the other."""
    for batch in batches:
        segment_batch(predictor, batch)


def precision(predictor: Predictor, images: Path, truth: Path) -> float:
    """Return the mask AP on images with ground truth."""
    with TemporaryDirectory() as out:
        cfg = PredictionConfig(no_pictures=True)
        results = predict(predictor, images, out, cfg).results
        return float(evaluate(truth, predictions=results)["mask_ap"])


def main() -> None:
    """Run the benchmark."""
    args: Any = parse_arguments(
        __doc__,
        run={"required": True, "help": "run folder of sapnet train"},
        images={"type": Path, "required": True, "help": "folder of images"},
        truth={"type": Path, "help": "their COCO instance json, for the AP"},
        int8={"type": Path, "help": "folder of images that 8-bit ranges are measured on"},
        num_images={"type": int, "default": 4, "help": "images that are timed"},
        repeats={"type": int, "default": 5, "help": "rounds"},
        compiled={"action": "store_true", "help": "also the network compiled by torch"},
    )
    network = load_model(args.run, "cpu")
    dataset = ImageDataset(find_images(args.images).paths[: args.num_images], network.augment)
    batches = [collate([dataset[index]]) for index in range(len(dataset))]
    with TemporaryDirectory() as folder:
        predictors: dict[str, Predictor] = {"eager": network}
        predictors |= dict(compiled(args.run)) if args.compiled else {}
        for name, predictor in exported(network, Path(folder), args.int8):
            say(f"exported: {name}")
            predictors[name] = predictor
        for name, predictor in predictors.items():
            if not name.endswith("int8"):
                check(network, predictor, batches)
        work: dict[str, Callable[[], None]] = {
            name: partial(pass_over, predictor, batches) for name, predictor in predictors.items()
        }
        work["network alone"] = partial(network_alone, network, batches)
        threshold = network.settings.segmentation.predict.mask_threshold
        work["masks alone"] = masks_alone(Path(folder) / "onnx.onnx", batches, threshold)
        say(f"timing {args.repeats} rounds of {len(batches)} images")
        timings = time_side_by_side(work, args.repeats)
        summary, rows = {}, []
        for name in ("network alone", "masks alone"):
            cpu = 1000 * median(timings[name]).cpu / len(batches)
            summary[f"{name.replace(' ', '_')}_cpu_ms"] = cpu
            rows.append((name, cpu, "", ""))
        for name, predictor in predictors.items():
            cpu = median(timings[name]).cpu / len(batches)
            ratio = median(timings["eager"]).cpu / median(timings[name]).cpu
            summary |= {f"{name}_cpu_ms": 1000 * cpu, f"{name}_ratio": ratio}
            ap = None
            if args.truth:
                say(f"AP: {name}")
                ap = summary[f"{name}_mask_ap"] = precision(predictor, args.images, args.truth)
            rows.append((name, 1000 * cpu, ratio, "" if ap is None else f"{ap:.4f}"))
    print(table(("runtime", "CPU ms an image", "eager / runtime", "mask AP"), rows))
    own = setting(images=len(batches), repeats=args.repeats)
    write_json(args.json, summary, own, as_samples(timings))


if __name__ == "__main__":
    main()
