"""Environment with mmdetection, and the process of either side."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

from benchmarks.common import module_environment

PEER = ("mmdet==3.3.0", "mmcv-lite==2.1.0", "mmengine==0.10.7")
PEER_NEEDS = (
    "addict", "yapf", "terminaltables", "termcolor", "six", "shapely", "pycocotools", "rich",
)  # fmt: skip
DEFAULT_ENVIRONMENT = Path(tempfile.gettempdir()) / "sapnet-benchmark-mmdet-3.3.0"


def peer_python(folder: Path) -> Path:
    """Return the Python of an environment with mmdetection; make it if there is none.

    Torch and the other shared packages come from this environment, so that both sides use the same.
    """
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.is_file():
        return python
    print(f"making {folder} with {', '.join(PEER)}", flush=True)
    venv.create(folder, with_pip=True, clear=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Their own requirements name another build of OpenCV than ours.
    subprocess.run([*install, "--no-deps", *PEER], check=True)
    subprocess.run([*install, *PEER_NEEDS], check=True)
    complete.touch()
    return python


class Side:
    """Process that serves jobs; see `worker.serve`.

    Args:
        python: interpreter of the process.
        module: module of this repository that serves.
        folder: folder of inputs and weights.
        threads: number of threads.
    """

    def __init__(self, python: Path | str, module: str, folder: Path, threads: int) -> None:
        self.name = module
        self._log = (folder / f"{module}.log").open("w+", encoding="utf-8")
        limits = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [str(python), "-m", module, str(folder), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=module_environment(**limits, OMP_WAIT_POLICY="PASSIVE"),
        )
        self.torch_version = self._reply()["torch"]

    def run(self, job: str, save: Path | None = None) -> dict[str, Any]:
        """Run a job and wait for its figures; write its outputs to `save`."""
        command = {"job": job} if save is None else {"job": job, "save": str(save)}
        if self._process.stdin is None:
            raise RuntimeError(f"{self.name} has no input")
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._reply()

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._log.close()

    def _reply(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"{self.name} ended early:\n{self._log.read()[-3000:]}")
        reply: dict[str, Any] = json.loads(line)
        return reply
