"""A ladder of systems on disk."""

import pytest
from small_ladder import (
    document,
    estimates,
    favourite,
    first_of_kind,
    save,
    system,
    write_data,
    write_labels,
    write_predictions,
)

from benchmarks.ladder.page.file import LadderFolder
from sapnet.data.synthetic.config import SyntheticConfig


@pytest.fixture(scope="module")
def ladder_folder(tmp_path_factory: pytest.TempPathFactory) -> LadderFolder:
    """A ladder on disk: three systems with labels, two with predictions, nothing trained."""
    root = tmp_path_factory.mktemp("ladder")
    cfg = SyntheticConfig(
        num_images=6, size=96, num_classes=3, objects=(1, 3), object_size=(0.2, 0.6), seed=3
    )
    folder = write_data(root, cfg)
    systems = {}
    for key, kind in (("top1", None), ("mil", "part"), ("best", "whole")):
        choose = favourite if kind is None else first_of_kind(kind)
        systems[key] = system(f"The {key} one", **estimates(write_labels(folder, key, choose)))
    systems["best"] |= {"group": "ours", **estimates(write_predictions(folder, "best", 3))}
    supervised = estimates(write_predictions(folder, "supervised", 10**6))
    systems["supervised"] = system("True masks", "supervised", 34.8, **supervised)
    save(root, document(systems))
    return folder
