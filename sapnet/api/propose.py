"""`sapnet.propose`: candidate masks for each click."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from sapnet.api.options import ProposerOptions, fill
from sapnet.proposals.config import Engine, ProposeConfig, ProposerName
from sapnet.system.locations import Location

if TYPE_CHECKING:
    from sapnet.proposals.propose import ProposeSummary
    from sapnet.structures.coverage import Unmarked


class ProposeOptions(ProposerOptions, total=False):
    """Options of `sapnet propose` that are not required, see `ProposeConfig`."""

    proposer: ProposerName
    file: Path | str | None
    adapt: bool | None
    box_prompts: bool
    workers: int | None
    shard_images: int
    skip_errors: bool
    bits: int | None
    max_pixels: int | None
    tile: int | None
    overlap: int | None
    bands: tuple[int, ...] | None
    unmarked: Unmarked | None
    shard: str | None
    engine: Engine
    ray_address: str | None
    gpus_per_worker: float | None


def propose(
    images: Location, clicks: Location, out: Location, **options: Unpack[ProposeOptions]
) -> ProposeSummary:
    """Make candidate masks for each click, as `sapnet propose`.

    Args:
        images: folder of the images, its URL, or a manifest.
        clicks: COCO-style json with one labelled point per object; may be a URL.
        out: folder of the proposal store, or its URL; an unfinished one is continued.
        options: those of `ProposeConfig`, which has the defaults. More than one worker starts
            processes: a script then needs `if __name__ == "__main__":`.

    Raises:
        FileNotFoundError: a file is missing.
        TypeError: an option is unknown.
        ValueError: a wrong setting, click, image or store.
    """
    from sapnet.pipeline.proposing import propose as propose_store

    values = {"images": images, "clicks": clicks, "out": out, **options}
    return propose_store(fill("propose", ProposeConfig, values))
