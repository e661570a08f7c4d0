"""Export to `yolo-seg`, read and trained on by ultralytics; its masks are compared.

    python -m benchmarks.speed.export_ultralytics --out /tmp/yolo

Needs `pip install ultralytics`, which is not a dependency of sapnet. Takes four synthetic images, a
network with random weights from its yaml (nothing is downloaded), and one epoch on the CPU.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.common import given_options, parse_arguments, setting, write_json
from sapnet.data.coco import load_instances
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.export import export_masks
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.geometry.rle import decode_masks

NETWORK = "yolov8n-seg.yaml"


def main() -> None:
    """Write images, export their masks, compare, train, and print the results."""
    args = parse_arguments(
        __doc__,
        out={"type": Path, "required": True, "help": "folder of all files"},
        images={"type": int, "default": 4},
        size={"type": int, "default": 64, "help": "side of the images in pixels"},
    )
    used = setting(**given_options(args), network=NETWORK, epochs=1)

    data = SyntheticConfig(
        num_images=args.images,
        size=args.size,
        num_classes=3,
        objects=(2, 3),
        object_size=(0.2, 0.6),
    )
    paths = write_synthetic(args.out / "synthetic", data)
    truth = load_instances(paths.truth)
    out = args.out / "yolo"
    report = export_masks(truth, "yolo-seg", out, Findings(), ExportOptions(images=paths.images))
    print(f"{report.num_masks} masks; read back by sapnet: mean IoU {report.mean_iou:.4f}")

    from ultralytics import YOLO
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset, polygon2mask

    checked = check_det_dataset(str(out / "data.yaml"), autodownload=False)
    loaded = YOLODataset(
        img_path=checked["train"], data=checked, task="segment", imgsz=args.size, augment=False
    )
    masks = {i.file_name: [] for i in truth.images}
    for instance in truth.instances:
        masks[instance.image.file_name].append(decode_masks([instance.rle()])[0] != 0)
    ious = []
    for label in loaded.labels:
        height, width = label["shape"]
        expected = masks[Path(label["im_file"]).name]
        for segment, mask in zip(label["segments"], expected, strict=True):
            corners = segment * np.array([width, height], np.float32)
            filled = polygon2mask((height, width), [corners.ravel()]) != 0
            ious.append((filled & mask).sum() / (filled | mask).sum())
    print(f"{len(ious)} masks as ultralytics fills them: mean IoU {np.mean(ious):.4f}, "
          f"worst {np.min(ious):.4f}")  # fmt: skip

    model = YOLO(NETWORK)
    results = model.train(
        data=str(out / "data.yaml"), epochs=1, imgsz=args.size, device="cpu", batch=2, workers=0,
        project=str(args.out.resolve()), name="run", exist_ok=True, plots=False, pretrained=False,
        amp=False,
    )  # fmt: skip
    print(f"trained: {sorted(results.results_dict)[:4]} ...")
    summary = {"read_back_miou": report.mean_iou, "ultralytics_miou": float(np.mean(ious))}
    write_json(args.json, summary, used, {"ultralytics_iou": [float(iou) for iou in ious]})


if __name__ == "__main__":
    main()
