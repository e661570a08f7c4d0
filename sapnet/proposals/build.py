"""Which proposer a configuration names: the one place where they are put together."""

from __future__ import annotations

from pathlib import Path

from sapnet.proposals.config import ProposeConfig, SamConfig
from sapnet.proposals.proposer import Proposer
from sapnet.structures.clicks import ClickSet
from sapnet.system.locations import Location

PARTS_NAME = "parts.json"


def build_proposer(cfg: ProposeConfig, clicks: ClickSet) -> Proposer:
    """The proposer a configuration names.

    Args:
        cfg: its proposer and settings.
        clicks: that it will be asked for; the file of `file` is compared with them.

    Returns:
        A proposer, ready to run.

    Raises:
        FileNotFoundError: a file it needs is missing.
        ValueError: a wrong setting, file, checkpoint or device.
    """
    match cfg.proposer:
        case "regions":
            from sapnet.proposals.regions.proposer import RegionProposer, RegionsConfig

            if cfg.num_proposals is None:
                return RegionProposer(RegionsConfig())
            return RegionProposer(RegionsConfig(num_proposals=cfg.num_proposals))
        case "sam":
            from sapnet.proposals.sam import SamProposer

            return SamProposer(
                SamConfig(
                    checkpoint=cfg.checkpoint,
                    device=cfg.device,
                    precision=cfg.precision,
                    points_per_chunk=cfg.points_per_chunk,
                    box_prompts=cfg.box_prompts,
                )
            )
        case "simulated":
            from sapnet.proposals.simulated.proposer import SimulatedConfig, SimulatedProposer

            return SimulatedProposer(cfg.file or find_parts(cfg.images), SimulatedConfig())
        case "file":
            from sapnet.proposals.from_file import FileProposer

            if cfg.file is None:
                raise ValueError("proposer 'file': expected --file PROPOSALS.json, found none")
            proposer = FileProposer(cfg.file)
            proposer.check_objects(clicks)
            return proposer


def find_parts(images: Location) -> Path:
    """The synthetic set's parts file, in the images folder or beside it.

    Raises:
        FileNotFoundError: neither is there.
    """
    images = Path(images)
    candidates = (images / PARTS_NAME, images.parent / PARTS_NAME)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(
        f"proposer 'simulated': no {PARTS_NAME} at {candidates[0]} or {candidates[1]}. It works on "
        "sapnet's synthetic set only; name its parts file with --file."
    )
