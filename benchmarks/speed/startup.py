"""Time until something is seen: the help, the import, the first training step.

    python -m benchmarks.speed.startup --json startup.json

Each is a process of its own. The first run of each is given beside the median of the others: its
files may not be in the system's cache yet (drop the caches before for a truly cold start).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import yaml

from benchmarks.common import parse_arguments, setting, table, time_once, write_json
from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.demo.networks import demo_model
from sapnet.pipeline.proposing import propose
from sapnet.proposals.config import ProposeConfig

IMAGES, SIZE, BATCH, WORKERS = 64, 160, 8, 2  # size, batch and workers are the demo's
FIRST_STEP = "step 1/"
PATIENCE = 300.0  # seconds after which a start counts as failed


def run_words(words: list[str]) -> float:
    """Run a Python process and return its seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def make_demo_set(folder: Path) -> list[str]:
    """Make a few images of the demo's data; return the command line that trains on them."""
    paths = write_synthetic(folder / "data", SyntheticConfig(num_images=IMAGES, size=SIZE), 1)
    clicks, store, recipe = folder / "clicks.json", folder / "store", folder / "recipe.yaml"
    save_clicks(clicks, sample_clicks(load_instances(paths.truth), "quasi-center", 0))
    propose(ProposeConfig(paths.images, clicks, store, proposer="simulated", workers=1))
    recipe.write_text(yaml.safe_dump({"model": _lists(asdict(demo_model(SIZE)))}), encoding="utf-8")
    words = ["-m", "sapnet", "train", "--config", str(recipe), "--images", str(paths.images)]
    words += ["--proposals", str(store), "--batch_size", str(BATCH), "--workers", str(WORKERS)]
    return [*words, "--epochs", "1", "--device", "cpu", "--out"]


def _lists(value: object) -> object:
    """Convert tuples to lists, as plain YAML has no tuples."""
    if isinstance(value, dict):
        return {name: _lists(entry) for name, entry in value.items()}
    return [_lists(entry) for entry in value] if isinstance(value, tuple | list) else value


def first_step(words: list[str], folder: Path) -> float:
    """Return the seconds until training logs its first step, then end it.

    Raises:
        SystemExit: the training ended before.
    """
    with tempfile.TemporaryDirectory(dir=folder) as out:
        start = time.perf_counter()
        command = [sys.executable, *words, str(Path(out) / "run")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            lines = []
            for line in process.stderr or ():
                lines.append(line)
                if FIRST_STEP in line or time.perf_counter() - start > PATIENCE:
                    break
            seconds = time.perf_counter() - start
            process.terminate()
    if not lines or FIRST_STEP not in lines[-1]:
        raise SystemExit(f"no first step: {''.join(lines)}")
    return seconds


def main() -> None:
    """Start each several times, print and write the figures."""
    args = parse_arguments(__doc__, repeats={"type": int, "default": 5, "help": "starts"})
    with tempfile.TemporaryDirectory() as folder:
        words = make_demo_set(Path(folder))
        starts: dict[str, Callable[[], float]] = {
            "python": partial(run_words, ["-c", "pass"]),
            "import_sapnet": partial(run_words, ["-c", "import sapnet"]),
            "help": partial(run_words, ["-m", "sapnet", "--help"]),
            "help_of_train": partial(run_words, ["-m", "sapnet", "train", "--help"]),
            "first_step": partial(first_step, words, Path(folder)),
        }
        rounds = [{name: start() for name, start in starts.items()} for _ in range(args.repeats)]
        first_step_cpu = time_once(starts["first_step"]).cpu
    samples = {f"{name}_s": [one[name] for one in rounds] for name in starts}
    summary = {name: statistics.median(runs[1:] or runs) for name, runs in samples.items()}
    summary |= {f"{name}_first": runs[0] for name, runs in samples.items()}
    summary["first_step_cpu"] = first_step_cpu
    rows = [(name, runs[0], summary[name]) for name, runs in samples.items()]
    print(table(("seconds", "first run", "median of the others"), rows))
    own = {"images": IMAGES, "size": SIZE, "batch": BATCH, "workers": WORKERS}
    write_json(args.json, summary, setting(**own), samples)


if __name__ == "__main__":
    main()
