"""Fitting of the region proposer's coefficients, `sapnet/proposals/regions/prior.py`.

    python -m benchmarks.quality.fit_regions --images DIR --clicks points.json \
        --truth instances.json > sapnet/proposals/regions/prior.py

First the maps: takes windows whose assumed box is near an object's true box, and fits a logistic
model of each cell in three stages. Then the quality: takes all candidates of every click, and fits
a ridge model of their IoU with the object; the products of two features that help most are added
one by one. Progress and a four-fold check (no image in both parts) go to stderr. Use images of the
training split only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common import given_options, parse_arguments, setting, write_json
from benchmarks.quality.fit_regions.maps import fit_stages
from benchmarks.quality.fit_regions.quality import CUTS, fit_quality, judge_pools
from benchmarks.quality.fit_regions.scenes import load_scenes, report
from sapnet.proposals.regions.config import RegionsConfig

HEADER = '''"""Coefficients of the region proposer, printed by `benchmarks.quality.fit_regions`.

Fitted to the clicks and masks of {images} COCO train2017 photographs ({objects} objects above
{area:.0f} px). Logistic models of a window's cell (`MAP_STAGES`) and a linear model of a
candidate's IoU (`QUALITY`); the names are those of the features in `windows.py` and
`scoring.py`, and "a*b" is a product.
"""
'''


def main() -> None:
    """Fit the coefficients and print the file."""
    args = parse_arguments(
        __doc__,
        images={"type": Path, "required": True, "help": "folder of the images"},
        clicks={"type": Path, "required": True, "help": "json with one point per object"},
        truth={"type": Path, "required": True, "help": "COCO instance json"},
        min_area={"type": float, "default": 1024.0, "help": "smallest area for the quality, px"},
    )
    cfg = RegionsConfig()
    scenes = load_scenes(args.images, args.clicks, args.truth)
    report(f"{len(scenes)} images measured")
    stages = fit_stages(scenes, cfg)
    pools = judge_pools(scenes, cfg, stages, args.min_area)
    quality = fit_quality(pools)
    print(HEADER.format(images=len(scenes), objects=len(pools), area=args.min_area))
    print("MAP_STAGES: tuple[dict[str, float], ...] = (")
    print("".join(f"    {show(stage, '    ')},\n" for stage in stages) + ")")
    print('"""Log-odds that a cell of a window belongs to the object, stage by stage."""\n')
    print(f"CUTS: tuple[tuple[int, float], ...] = {CUTS}")
    print('"""(stage, threshold) of the masks cut from each window."""\n')
    print(f"QUALITY: dict[str, float] = {show(quality, '')}")
    print('"""Expected IoU of a candidate with its object, per unit of each feature or product."""')
    used = setting(**given_options(args), images=len(scenes), objects=len(pools))
    write_json(args.json, {**quality}, used, stages)


def show(values: dict[str, Any], indent: str) -> str:
    """Format a dictionary of coefficients as source text."""
    lines = [f'{indent}    "{name}": {float(value):.4g},\n' for name, value in values.items()]
    return "{\n" + "".join(lines) + indent + "}"


if __name__ == "__main__":
    main()
