from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_mask2former import save_small_mask2former

from sapnet.network.config import ModelConfig
from sapnet.network.model import Network, load_initial_weights
from sapnet.network.others import fit_anchors, fit_architecture
from sapnet.network.start import save_start
from sapnet.segmentation.others import torchvision_weights
from sapnet.segmentation.others.config import OtherSegmenterConfig
from sapnet.structures.batch import Batch
from sapnet.structures.clicks import Category

CAT, HEN = Category(1, "cat"), Category(4, "hen")
ANCHORS = {"anchors": [8, 16, 32, 64, 128]}


class Sizes:
    def __init__(self, *sizes: float) -> None:
        self.sizes = np.array(sizes)

    def __len__(self) -> int:
        return len(self.sizes)


def test_anchors_follow_the_small_objects() -> None:
    assert fit_anchors(Sizes(40.0, 60.0)) == (32, 64, 128, 256, 512)  # type: ignore[arg-type]
    assert fit_anchors(Sizes(16.0, 16.0)) == (16, 32, 64, 128, 256)  # type: ignore[arg-type]
    assert fit_anchors(Sizes(1.0)) == (8, 16, 32, 64, 128)  # type: ignore[arg-type]
    assert fit_anchors(Sizes()) == (32, 64, 128, 256, 512)  # type: ignore[arg-type]


def test_an_architecture_that_is_known_stays() -> None:
    known = OtherSegmenterConfig("mask-rcnn", None, ANCHORS)
    assert fit_architecture(known, Sizes(100.0)) == (known, "")  # type: ignore[arg-type]


@pytest.fixture
def mask_rcnn(tiny_model: ModelConfig) -> ModelConfig:
    return replace(tiny_model, other=OtherSegmenterConfig("mask-rcnn", None, ANCHORS))


def test_mask_rcnn_begins_with_the_embedded_backbone_and_pyramid(
    mask_rcnn: ModelConfig,
    tiny_model: ModelConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sapnet.network import start

    donor = Network(tiny_model, (Category(1, "object"),))
    file = save_start(tmp_path / "start.safetensors", donor.state_dict(), donor.settings, {})
    monkeypatch.setattr(start, "EMBEDDED", file)
    network = Network(replace(mask_rcnn, weights="imagenet", start="embedded"), (CAT,))
    load_initial_weights(network)
    state = network.state_dict()
    for name, value in donor.state_dict().items():
        if name.startswith(("backbone.", "fpn.")):
            assert torch.allclose(state[f"other.model.backbone.{name}"], value, atol=1e-3), name


def test_mask2former_keeps_classes_by_name(tiny_model: ModelConfig, tmp_path: Path) -> None:
    folder = save_small_mask2former(tmp_path, ("dog", "cat", "cow"))
    other, line = fit_architecture(OtherSegmenterConfig("mask2former", str(folder)), Sizes())  # type: ignore[arg-type]
    assert line == ""
    torch.manual_seed(1)
    network = Network(replace(tiny_model, other=other), (HEN, CAT))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    line = load_initial_weights(network)
    assert line == (
        f"start: the weights of {folder}, trained on 3 classes; cat by name; new class outputs for "
        "hen"
    )
    from transformers import Mask2FormerForUniversalSegmentation

    donor = Mask2FormerForUniversalSegmentation.from_pretrained(folder).state_dict()
    for name, value in network.state_dict().items():
        short = name.removeprefix("other.model.")
        if "class_predictor" in short:
            assert torch.equal(value[0], before[name][0])  # hen
            assert torch.equal(value[1:], donor[short][[1, 3]])  # cat, no object
        else:
            assert torch.equal(value, donor[short]) or "criterion" in short, name


@pytest.mark.slow
@pytest.mark.parametrize("builder", torchvision_weights.BUILDERS)
def test_weights_of_torchvision_for_coco(
    tiny_model: ModelConfig, tmp_path: Path, builder: str
) -> None:
    """A file as torchvision publishes it: its earlier names of layers, 91 rows of classes."""
    from torchvision.models import detection

    torch.manual_seed(0)
    donor = getattr(detection, builder)(weights=None, weights_backbone=None).state_dict()
    earlier = {
        name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        .replace("layer_blocks.0.0.", "layer_blocks.0.")
        .replace("mask_head.0.0.", "mask_head.mask_fcn1.")
        if builder == "maskrcnn_resnet50_fpn"
        else name: value
        for name, value in donor.items()
        if not name.endswith("num_batches_tracked")
    }
    file = tmp_path / "coco.pth"
    torch.save({"model": earlier, "epoch": 3}, file)
    other, _ = fit_architecture(OtherSegmenterConfig("mask-rcnn", str(file)), Sizes())  # type: ignore[arg-type]
    assert other.architecture == {"builder": builder}
    network = Network(replace(tiny_model, other=other), (HEN, CAT))
    line = load_initial_weights(network)
    assert line.endswith("trained on 80 classes; cat by name; new class outputs for hen")
    state = network.state_dict()
    scores = state["other.model.roi_heads.box_predictor.cls_score.weight"]
    assert torch.equal(scores[[0, 2]], donor["roi_heads.box_predictor.cls_score.weight"][[0, 17]])
    for name in ("backbone.body.layer3.0.conv1.weight", "roi_heads.mask_head.0.0.weight"):
        assert torch.equal(state[f"other.model.{name}"], donor[name])
    parameters = dict(network.named_parameters())
    assert not parameters["other.model.backbone.body.layer1.0.conv1.weight"].requires_grad
    assert parameters["other.model.backbone.body.layer2.0.conv1.weight"].requires_grad
    assert not parameters["other.model.backbone.body.layer4.0.bn1.weight"].requires_grad


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected maskrcnn_resnet50_fpn or .* no such"):
        torchvision_weights.read_architecture(str(tmp_path / "none.pth"))
    (tmp_path / "text.pth").write_text("text")
    with pytest.raises(ValueError, match="cannot be read as tensors"):
        torchvision_weights.read_architecture(str(tmp_path / "text.pth"))
    torch.save({"state_dict": {"fc.weight": torch.zeros(2)}}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"found none under the name roi_heads.box_predictor"):
        torchvision_weights.read_architecture(str(tmp_path / "other.pth"))


def test_names_of_torchvision_need_no_file() -> None:
    for name in ("maskrcnn_resnet50_fpn_v2", "MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1"):
        found = torchvision_weights.read_architecture(name)
        assert found == {"builder": "maskrcnn_resnet50_fpn_v2"}


def test_weights_that_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torchvision_weights.urllib.request, "urlopen", refused)
    with pytest.raises(
        FileNotFoundError, match=r"neither in torch's cache .* \(no route to host\)"
    ):
        torchvision_weights.load_state("maskrcnn_resnet50_fpn", lambda *_: torch.nn.Identity())


def test_what_such_a_network_cannot_do(mask_rcnn: ModelConfig, tiny_batch: Batch) -> None:
    network = Network(mask_rcnn, (CAT,))
    with pytest.raises(ValueError, match=r"mask-rcnn, trained on masks: .* --voter"):
        network.select(tiny_batch)
    with pytest.raises(ValueError, match="mask-rcnn: `sapnet export` knows SOLOv2 alone"):
        _ = network.segmenter
    with pytest.raises(ValueError, match="mask-rcnn learns from masks"):
        network(tiny_batch)
    network.check_segments()
    with pytest.raises(ValueError, match="expected a segmenter with its architecture"):
        Network(replace(mask_rcnn, other=OtherSegmenterConfig("mask-rcnn")), (CAT,))
    with pytest.raises(ValueError, match=r"model.segmenter false and --segmenter mask-rcnn"):
        replace(mask_rcnn, segmenter=False)


@pytest.fixture
def tiny_batch() -> Batch:
    """An image of 64 px without objects."""
    sizes = torch.tensor([[64, 64]])
    return Batch(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), sizes, sizes, torch.tensor([1]))
