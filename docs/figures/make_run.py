"""Makes the run that make_review.py and make_report.py show: clicks on four photographs.

    python docs/figures/make_run.py ../shared/coco runs/photographs

The photographs, of COCO's val2017, are those of `README.md` (CC BY 2.0); one click is drawn on each
object of COCO. A minute of training is enough for pages to look at, and for nothing else.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from make_annotate import PHOTOGRAPHS

from sapnet import run
from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks

EPOCHS = 40


def main() -> None:
    """Copy the photographs, draw clicks, and call `sapnet.run`."""
    coco, out = Path(sys.argv[1]), Path(sys.argv[2])
    images, truth, clicks = (
        out.parent / f"{out.name}-{name}" for name in ("images", "truth.json", "clicks.json")
    )
    images.mkdir(parents=True, exist_ok=True)
    for number in PHOTOGRAPHS:
        shutil.copyfile(coco / f"val2017/{number}.jpg", images / f"{number}.jpg")
    truth.write_text(json.dumps(cut(coco / "annotations/instances_val2017.json")), encoding="utf-8")
    save_clicks(clicks, sample_clicks(load_instances(truth), "quasi-center", 0))
    run(images, clicks, out, truth=truth, effort="fast", epochs=EPOCHS)


def cut(path: Path) -> dict[str, object]:
    """Read the objects of the photographs, and the categories that they have."""
    content = json.loads(path.read_text(encoding="utf-8"))
    names = {f"{number}.jpg" for number in PHOTOGRAPHS}
    images = [image for image in content["images"] if image["file_name"] in names]
    ids = {image["id"] for image in images}
    objects = [entry for entry in content["annotations"] if entry["image_id"] in ids]
    used = {entry["category_id"] for entry in objects}
    categories = [entry for entry in content["categories"] if entry["id"] in used]
    return {"images": images, "annotations": objects, "categories": categories}


if __name__ == "__main__":
    main()
