"""Parallel work on a Ray cluster, with results in the order of the items."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

MAX_BLOCK = 16
"""Largest number of items that are sent together, and redone when their actor is lost."""

BLOCKS_PER_ACTOR = 4
"""Least number of blocks per actor, if there are enough items, to keep all actors busy."""


@dataclass(frozen=True)
class RayConfig:
    """Settings of a run on Ray.

    Attributes:
        address: address of the cluster; None is that of `RAY_ADDRESS` or of this machine, else a
            local cluster of all cores that ends with the run.
        workers: number of actors; None is as many as the cluster has room for at the start.
        gpus_per_worker: GPUs of each actor, may be a fraction; None is 1 if the cluster has GPUs.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float | None = None


def map_with_ray(
    function: Callable[[Item], Result], items: Sequence[Item], cfg: RayConfig
) -> Generator[Result]:
    """Yield the result of a function for each item, in order, computed by actors of Ray Data.

    Ray Data replaces a lost actor and repeats its items, without limit. An item that kills its
    process each time must therefore be left out.

    Args:
        function: called once per item; pickled once for each actor. It should load slow resources
            at its first call.
        items: the work; each must survive pickling.
        cfg: the cluster.

    Yields:
        Each result as soon as it and all earlier ones are ready.

    Raises:
        ImportError: Ray is not installed.
        Exception: any exception of the function, at its item's turn.
    """
    if not items:
        return
    _require_ray()
    import ray

    with _cluster(cfg.address), _quiet_context():
        gpus = _gpus() if cfg.gpus_per_worker is None else cfg.gpus_per_worker
        workers = cfg.workers or _room(gpus)
        block = max(1, min(MAX_BLOCK, len(items) // (workers * BLOCKS_PER_ACTOR)))
        logger.info("proposing with %d Ray actors", workers)
        rows = [{"index": i, "item": pickle.dumps(item)} for i, item in enumerate(items)]
        results = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // block)).map_batches(
            _Actor,
            # Pickled by value if it is defined in a script, which actors cannot import.
            fn_constructor_args=(ray.cloudpickle.dumps(function),),
            batch_size=block,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
            num_gpus=gpus or None,
        )
        yield from _in_order(results.iter_batches(batch_size=None, batch_format="numpy"))


class _Actor:
    """Actor that holds the function and its loaded resources in a process of the cluster."""

    def __init__(self, function: bytes) -> None:
        self._function = pickle.loads(function)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the pickled outcome of each item: (True, result) or (False, error)."""
        import numpy as np

        outcomes = np.empty(len(batch["item"]), object)
        for place, item in enumerate(batch["item"]):
            outcomes[place] = pickle.dumps(self._outcome(pickle.loads(item)))
        return {"index": batch["index"], "outcome": outcomes}

    def _outcome(self, item: object) -> tuple[bool, object]:
        try:
            return True, self._function(item)
        except Exception as error:  # the driver raises it again, at its item's turn
            return False, error


def _in_order(batches: Iterator[dict[str, np.ndarray]]) -> Iterator[Any]:
    """Yield the results in the order of their indices, keeping early ones until their turn."""
    early: dict[int, bytes] = {}
    following = 0
    for batch in batches:
        early.update(zip(batch["index"].tolist(), batch["outcome"], strict=True))
        while following in early:
            is_result, value = pickle.loads(early.pop(following))
            if not is_result:
                raise value
            yield value
            following += 1


def _require_ray() -> None:
    try:
        import ray.data  # noqa: F401  # the extra brings what it needs
    except ImportError as error:
        raise ImportError(
            f"the engine 'ray' needs Ray Data, which is not installed ({error}). Install it with "
            "`pip install 'sapnet[ray]'`, or leave out --engine."
        ) from error


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Connect to Ray for the context; an existing connection is used and kept."""
    import ray

    if ray.is_initialized():
        yield
        return
    ray.init(address=address, log_to_driver=True, logging_level=logging.WARNING)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _quiet_context() -> Iterator[None]:
    """Make Ray Data keep the order and show no progress bars for the context."""
    import ray.data

    context = ray.data.DataContext.get_current()
    options = context.execution_options
    before = (options.preserve_order, context.enable_progress_bars)
    level = logging.getLogger("ray.data").level
    options.preserve_order, context.enable_progress_bars = True, False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    try:
        yield
    finally:
        options.preserve_order, context.enable_progress_bars = before
        logging.getLogger("ray.data").setLevel(level)


def _gpus() -> float:
    """Return 1 GPU per actor if the cluster has GPUs, else 0; without any, Ray hides them."""
    import ray

    return float(ray.cluster_resources().get("GPU", 0) >= 1)


def _room(gpus_per_worker: float) -> int:
    """Return the number of actors that the cluster has room for now.

    Raises:
        ValueError: there is no room for a single one.
    """
    import ray

    resources = ray.cluster_resources()
    room = int(resources.get("CPU", 0))
    if gpus_per_worker:
        room = min(room, int(resources.get("GPU", 0) / gpus_per_worker))
    if room < 1:
        raise ValueError(
            f"the Ray cluster has {resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} "
            f"GPUs; an actor needs 1 CPU and {gpus_per_worker:g} GPUs. Start more nodes, lower "
            "--gpus_per_worker, or give --workers to wait for nodes that are to come."
        )
    return room
