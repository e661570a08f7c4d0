"""Vectors made by other systems: where they lie, and how a test walks through them.

A test marked `@pytest.mark.vectors("solov2/targets_*.npz")` runs once per file that matches; its
argument `vectors` is that file as (meta, arrays). Without the folder it is skipped.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DEFAULT_ROOT = Path(__file__).parents[2] / ".." / "shared" / "vectors"


def vectors_root() -> Path:
    """The folder of vectors: SAPNET_VECTORS, or ../shared/vectors seen from the repository."""
    return Path(os.environ.get("SAPNET_VECTORS", DEFAULT_ROOT)).resolve()


def load(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """One file as (meta, arrays); meta is empty where the file has none."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(str(arrays.pop("meta", "{}"))), arrays


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vectors(pattern): run once per matching vector file")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("vectors")
    if marker is None:
        return
    pattern = marker.args[0]
    paths = [pytest.param(path, id=path.stem) for path in sorted(vectors_root().glob(pattern))]
    absent = pytest.mark.skip(reason=f"no {pattern} in {vectors_root()} (set SAPNET_VECTORS)")
    metafunc.parametrize(
        "vectors", paths or [pytest.param(None, id="absent", marks=absent)], indirect=True
    )


@pytest.fixture
def vectors(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return load(request.param)


@pytest.fixture
def vectors_folder() -> Path:
    root = vectors_root()
    if not root.is_dir():
        pytest.skip(f"no vectors at {root} (set SAPNET_VECTORS)")
    return root
