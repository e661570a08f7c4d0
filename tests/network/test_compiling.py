from __future__ import annotations

import os

import pytest
import torch

from sapnet.network.compiling import compile_network
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.clicks import Category

CPU = torch.device("cpu")


@pytest.fixture
def model(tiny_model: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(tiny_model, (Category(1, "cat"), Category(2, "dog"))).eval()


@pytest.mark.parametrize(
    "backend",
    [
        "eager",  # traced and run, but not compiled
        pytest.param(
            "inductor",
            marks=pytest.mark.skipif(
                not os.environ.get("SAPNET_TEST_COMPILE"),
                reason="compiles for minutes; set SAPNET_TEST_COMPILE=1",
            ),
        ),
    ],
)
def test_answers_and_names_stay(model: Network, backend: str) -> None:
    torch._dynamo.reset()
    images = torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8)
    names = list(model.state_dict())
    with torch.no_grad():
        expected = model.segmenter(model.features(images))
        torch._dynamo.utils.counters.clear()
        compile_network(model, CPU, backend)
        found = model.segmenter(model.features(images))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 4
    assert not torch._dynamo.utils.counters["graph_break"]
    assert list(model.state_dict()) == names
    torch.testing.assert_close(found.mask_features, expected.mask_features)
    torch.testing.assert_close(found.grid_kernels, expected.grid_kernels)
    torch.testing.assert_close(found.grid_class_logits, expected.grid_class_logits)


def test_a_missing_compiler_is_explained(model: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ValueError, match=r"expected a C\+\+ compiler .* leave --compile out"):
        compile_network(model, CPU)


def test_missing_triton_is_explained(model: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapnet.network.compiling.find_spec", lambda _: None)
    with pytest.raises(ValueError, match="triton, which is not installed"):
        compile_network(model, torch.device("cuda"))
