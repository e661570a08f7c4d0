"""Predict with a file of `sapnet export`: numpy, Pillow and ONNX Runtime alone, no torch.

    python predict_onnx.py model.onnx photo.jpg --out masks

It prints a line for each instance and writes its mask as a PNG of the photograph's size.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def input_size(width: int, height: int, facts: dict) -> tuple[int, int]:
    """Return the (width, height) at which the network sees an image."""
    factor = min(
        facts["short_side"] / min(width, height), facts["max_long_side"] / max(width, height)
    )
    return max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))


def resize_weights(cells: int, stride: int, content: int, original: int) -> np.ndarray:
    """Make the matrix (original, cells) that resizes an axis of the masks to the photograph.

    The steps are linear: bilinear to the input's pixels, padding cut off, bilinear to the
    photograph.
    """
    return _bilinear(content, original) @ _bilinear(cells, cells * stride)[:content]


def _bilinear(old: int, new: int) -> np.ndarray:
    """Make the matrix (new, old) of bilinear resizing with pixel centres at .5."""
    place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, None)
    low = np.minimum(place.astype(int), old - 1)
    high, share = np.minimum(low + 1, old - 1), place - low
    weights = np.zeros((new, old), np.float32)
    np.add.at(weights, (np.arange(new), low), 1 - share)
    np.add.at(weights, (np.arange(new), high), share)
    return weights


def predict(
    session: onnxruntime.InferenceSession, image: Image.Image, threshold: float
) -> list[tuple[str, float, np.ndarray]]:
    """Return name, score and (height, width) bool mask of each instance, best first."""
    facts = json.loads(session.get_modelmeta().custom_metadata_map["sapnet"])
    width, height = input_size(*image.size, facts)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    _, scores, labels, masks = session.run(
        ["boxes", "scores", "labels", "masks"], {"images": pixels.transpose(2, 0, 1)[None]}
    )
    stride = facts["mask_stride"]
    rows = resize_weights(masks.shape[1], stride, height, image.height)
    columns = resize_weights(masks.shape[2], stride, width, image.width)
    return [
        (
            facts["categories"][labels[i]]["name"],
            float(scores[i]),
            rows @ masks[i] @ columns.T > facts["mask_threshold"],
        )
        for i in range(len(scores))
        if scores[i] > threshold
    ]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("photo")
    parser.add_argument("--out", type=Path, default=Path("masks"))
    parser.add_argument("--threshold", type=float, default=0.3)
    args = parser.parse_args()
    session = onnxruntime.InferenceSession(args.model, providers=["CPUExecutionProvider"])
    image = ImageOps.exif_transpose(Image.open(args.photo)).convert("RGB")
    args.out.mkdir(parents=True, exist_ok=True)
    for place, (name, score, mask) in enumerate(predict(session, image, args.threshold)):
        path = args.out / f"{place:03d}.png"
        Image.fromarray(mask).save(path)
        print(f"{name} {score:.4f} {int(mask.sum())} pixels: {path}")


if __name__ == "__main__":
    main()
