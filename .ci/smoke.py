"""Try an installed sapnet: every step once, on small images that it draws itself.

    python .ci/smoke.py

It needs nothing but the package; a minute or two on a CPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def sapnet(*words: object) -> None:
    """Run a command of the installed program."""
    print("  sapnet", *words, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "sapnet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"exit status {done.returncode}:\n{done.stdout}\n{done.stderr}")


def main() -> None:
    """Draw images, click, propose, train, label, predict, evaluate and convert."""
    with tempfile.TemporaryDirectory(prefix="sapnet-smoke-") as folder:
        work = Path(folder)
        truth, images = work / "data" / "instances.json", work / "data" / "images"
        clicks, run = work / "clicks.json", work / "run"
        sapnet("--version")
        sapnet("synthetic", "--out", work / "data", "--num-images", 6, "--size", 64)
        sapnet("points", "--truth", truth, "--out", clicks)
        sapnet("doctor", "--images", images, "--clicks", clicks)
        small = ("--effort", "fast", "--epochs", 1, "--short-sides", "[64]", "--workers", 1)
        sapnet(
            "run", images, "--clicks", clicks, "--out", run, *small,
            "--proposer", "click", "--device", "cpu", "--truth", truth, "--val.images", images,
        )  # fmt: skip
        labels = run / "labels.json"
        sapnet("evaluate", "--labels", labels, "--truth", truth, "--by", "origin")
        sapnet("convert", labels, "--to", "yolo-seg", "--images", images, "--out", work / "yolo")
        sapnet("convert", labels, "--to", "coco-rle", "--out", work / "masks.json")
        sapnet("audit", "--labels", labels, "--images", images, "--figures-only")
        annotations = json.loads((work / "masks.json").read_text("utf-8"))["annotations"]
        if not annotations or "origin" not in annotations[0]:
            raise SystemExit("expected masks with their origin, found none")
        if not (run / "report.html").is_file():
            raise SystemExit(f"expected a report in {run}, found none")
        import sapnet as package

        detections = package.SAPNet.from_pretrained(run).predict(next(images.glob("*.*")))
        print(f"sapnet {package.__version__} on Python {sys.version.split()[0]} works:")
        print(f"  {len(annotations)} masks, {len(detections)} instances on the first image")


if __name__ == "__main__":
    main()
