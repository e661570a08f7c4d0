"""Fine-tuning that keeps only what is better on objects kept aside."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import load_weights, save_weights
from sapnet.system.files import write_json_atomic
from sapnet.teaching.batch import Photographs
from sapnet.teaching.config import TeachConfig, TuneConfig
from sapnet.teaching.pool import MarkedImage
from sapnet.teaching.state import TeachState
from sapnet.teaching.training import teach
from sapnet.teaching.tuning.judging import Judgement, judge

logger = logging.getLogger(__name__)

JUDGED, KEPT = "judged.json", "kept.safetensors"
"""Of a run: the judgements so far, and the weights that are better than the start, if any."""


@dataclass(frozen=True)
class Tuned:
    """A fine-tuning at its end.

    Attributes:
        network: the best one; the one that was begun with where nothing was better.
        before: judgement of the one that was begun with.
        after: judgement of the best one.
        steps: of the optimiser.
        minutes: of computing.
    """

    network: ClickNetwork
    before: Judgement
    after: Judgement
    steps: int
    minutes: float

    @property
    def is_better(self) -> bool:
        """True if something was learned that is worth keeping."""
        return self.after != self.before


def tune(
    make_network: Callable[[], ClickNetwork],
    photographs: Photographs,
    kept_aside: Sequence[MarkedImage],
    run: Path,
    cfg: TeachConfig,
) -> Tuned:
    """Learn from some objects and judge by others; go on where a run in the folder stopped.

    Args:
        make_network: the network to begin with.
        photographs: learned from.
        kept_aside: images with the objects to judge by.
        run: folder of the checkpoints and judgements.
        cfg: how it is trained; `tune` says how it is judged.
    """
    keeper = Keeper(run, kept_aside, cfg.tune)
    keeper.begin(make_network())
    state = teach(make_network, photographs, run, cfg, keeper.watch)
    keeper.end(state, make_network())
    better = keeper.best_name != START
    return Tuned(
        network=load_weights(run / KEPT) if better else make_network(),
        before=keeper.judged[START],
        after=keeper.judged[keeper.best_name],
        steps=state.step,
        minutes=state.seconds / 60,
    )


START = "start"
"""Name of the judgement that all others are compared with."""


class Keeper:
    """Judge of a training as it goes, who keeps the best weights on disk.

    Args:
        run: folder of the training; judgements that are there are not made again.
        images: with the objects to judge by.
        cfg: when and by how much is judged.
    """

    def __init__(self, run: Path, images: Sequence[MarkedImage], cfg: TuneConfig) -> None:
        self._run, self._images, self._cfg = run, images, cfg
        self.judged: dict[str, Judgement] = {}
        if (run / JUDGED).is_file():
            found = json.loads((run / JUDGED).read_text(encoding="utf-8"))
            self.judged = {name: Judgement(**figures) for name, figures in found.items()}

    @property
    def best_name(self) -> str:
        """Name of the best so far: no worse than the start in any figure, better by enough."""
        start = self.judged[START]
        slack, needed = self._cfg.slack, start.mean + self._cfg.min_gain
        allowed = [
            name
            for name, found in self.judged.items()
            if found.favourite >= start.favourite - slack
            and found.best >= start.best - slack
            and (name == START or found.mean >= needed)
        ]
        return max(allowed, key=lambda name: self.judged[name].mean)

    def begin(self, start: ClickNetwork) -> None:
        """Judge the network to begin with."""
        if START not in self.judged:
            self._judge(START, start)

    def watch(self, state: TeachState, progress: float) -> None:
        """Judge the running average where its time has come."""
        due = [share for share in self._cfg.judge_at if share <= progress]
        if due and (name := f"{due[-1]:.0%}") not in self.judged:
            self._judge(name, state.average)

    def end(self, state: TeachState, start: ClickNetwork) -> None:
        """Judge the network at the end of the training, and its mean with the start."""
        if (name := f"step {state.step}") not in self.judged:
            self._judge(name, state.average)
        if (name := f"half of step {state.step}") not in self.judged:
            self._judge(name, mean_of(start, state.average))

    def _judge(self, name: str, network: ClickNetwork) -> None:
        self.judged[name] = judge(network, self._images, self._cfg.max_judged)
        if name != START and self.best_name == name:
            save_weights(self._run / KEPT, network, {})
        write_json_atomic(
            self._run / JUDGED, {key: asdict(found) for key, found in self.judged.items()}
        )
        number = self.judged[name].num_objects
        logger.info("%s: %s on %d objects kept aside", name, self.judged[name], number)


def mean_of(first: ClickNetwork, second: ClickNetwork) -> ClickNetwork:
    """Return a network of the mean weights of two."""
    mean = copy.deepcopy(first).to("cpu")
    other = second.state_dict()
    with torch.no_grad():
        for name, value in mean.state_dict().items():
            if value.is_floating_point():
                value.lerp_(other[name].to("cpu"), 0.5)
    return mean
