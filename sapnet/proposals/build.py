"""Building of proposers from their settings; the only place where they are built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sapnet.proposals.automatic import settle_staged
from sapnet.proposals.config import ProposeConfig, SamConfig, StagedConfig
from sapnet.proposals.proposer import Proposer, StagedProposer
from sapnet.structures.clicks import ClickSet
from sapnet.system.locations import Location

PARTS_NAME = "parts.json"


def build_proposer(cfg: ProposeConfig, clicks: ClickSet) -> Proposer:
    """Build the proposer of a configuration.

    Args:
        cfg: the proposer and its settings.
        clicks: the clicks to propose for; the file of `file` is compared with them.

    Returns:
        A proposer, ready to run.

    Raises:
        FileNotFoundError: a required file is missing.
        ValueError: a setting, file, checkpoint or device is wrong.
    """
    match cfg.proposer:
        case "auto" | "click" | "regions" | "sam":
            sam = SamConfig(
                device=cfg.device,
                precision=cfg.precision,
                points_per_chunk=cfg.points_per_chunk,
                box_prompts=cfg.box_prompts,
            )
            return build_staged_proposer(
                StagedConfig(cfg.proposer, cfg.num_proposals, sam, cfg.checkpoint)
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


def build_staged_proposer(cfg: StagedConfig) -> StagedProposer:
    """Build a proposer that can propose for clicks as they come, one by one.

    Raises:
        FileNotFoundError: the weights of `click` are missing.
        ValueError: a setting, checkpoint or device is wrong.
    """
    match cfg.proposer:
        case "auto":
            return build_staged_proposer(settle_staged(cfg))
        case "click":
            from sapnet.proposals.click.config import ClickConfig
            from sapnet.proposals.click.proposer import ClickProposer
            from sapnet.proposals.click.weights import embedded_weights

            weights = embedded_weights() if cfg.checkpoint is None else Path(cfg.checkpoint)
            if cfg.num_proposals is None:
                return ClickProposer(weights.expanduser())
            return ClickProposer(weights.expanduser(), ClickConfig(cfg.num_proposals))
        case "regions":
            from sapnet.proposals.regions.config import RegionsConfig
            from sapnet.proposals.regions.proposer import RegionProposer

            if cfg.num_proposals is None:
                return RegionProposer()
            return RegionProposer(RegionsConfig(num_proposals=cfg.num_proposals))
        case "sam":
            from sapnet.proposals.sam import SamProposer

            if cfg.checkpoint is None:
                return SamProposer(cfg.sam)
            return SamProposer(replace(cfg.sam, checkpoint=cfg.checkpoint))


def find_parts(images: Location) -> Path:
    """Return the parts file of the synthetic set, from the images folder or its parent.

    Raises:
        FileNotFoundError: it is in neither of them.
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
