from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.network.exporting.facts import KEY
from sapnet.network.exporting.network import ExportedNetwork
from sapnet.network.exporting.sessions import open_session
from sapnet.network.exporting.write import ExportConfig, Format, export
from sapnet.network.model import Network

pytest.importorskip("onnxruntime", reason="exported models need the extra `export`")

SIZES = ((64, 96), (50, 122))
"""One size without padding, one with."""


def scene(height: int, width: int) -> torch.Tensor:
    """(1, 3, height, width) uint8: smooth noise."""
    generator = torch.Generator().manual_seed(height)
    coarse = torch.rand(1, 3, 7, 7, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return (smooth.clamp(0, 1) * 255).to(torch.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["onnx", "openvino", "torchscript"])
def test_predictions_are_those_of_the_network(
    network: Network, exported: dict[Format, Path], kind: Format, size: tuple[int, int]
) -> None:
    height, width = size
    images = scene(height, width)
    padded = torch.nn.functional.pad(images, (0, -width % 32, 0, -height % 32))
    sizes, originals = torch.tensor([size]), torch.tensor([[2 * height, 3 * width]])
    (expected,) = network.segment(padded, sizes, originals)
    (found,) = ExportedNetwork(exported[kind]).segment(padded, sizes, originals)
    assert len(found) == len(expected) > 2
    assert torch.equal(found.labels, expected.labels)
    torch.testing.assert_close(found.scores, expected.scores, atol=1e-4, rtol=0)
    overlap = (found.masks & expected.masks).flatten(1).sum(1)
    union = (found.masks | expected.masks).flatten(1).sum(1)
    assert torch.all(overlap >= 0.999 * union)


@pytest.mark.parametrize("size", SIZES)
def test_the_number_of_instances_is_fixed(
    exported: dict[Format, Path], size: tuple[int, int]
) -> None:
    session = open_session(exported["onnx"])
    boxes, scores, labels, masks = session.run(scene(*size).numpy())
    assert boxes.shape == (10, 4)
    assert masks.shape == (10, *(-(-side // 32) * 8 for side in size))
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= size[1]
    assert boxes[:, 3].max() <= size[0]
    assert np.all(np.diff(scores) <= 0)
    assert np.all((labels >= 0) == (scores > 0))


def test_the_metadata_say_what_a_caller_needs(exported: dict[Format, Path]) -> None:
    import onnx

    model = onnx.load(exported["onnx"])
    assert [one.name for one in model.graph.input] == ["images"]
    assert [one.name for one in model.graph.output] == ["boxes", "scores", "labels", "masks"]
    facts = json.loads({p.key: p.value for p in model.metadata_props}[KEY])
    assert [category["name"] for category in facts["categories"]] == ["cup", "Käse"]
    assert (facts["short_side"], facts["max_long_side"], facts["num_instances"]) == (64, 128, 10)
    assert facts["mean"] == pytest.approx([127.5] * 3)
    for path in exported.values():
        assert open_session(path).facts == open_session(exported["onnx"]).facts


def test_a_place_without_an_instance_is_empty(network: Network, tmp_path: Path) -> None:
    strict = replace(
        network.settings.segmentation.predict, score_threshold=0.999, filter_threshold=0.5
    )
    cfg = replace(
        network.settings, segmentation=replace(network.settings.segmentation, predict=strict)
    )
    silent = Network(cfg, network.categories).eval()
    path = export(silent, tmp_path / "model.onnx").files[0]
    boxes, scores, labels, masks = open_session(path).run(scene(64, 96).numpy())
    assert not scores.any()
    assert not boxes.any()
    assert not masks.any()
    assert set(labels) == {-1}
    sizes = torch.tensor([[64, 96]])
    assert not len(ExportedNetwork(path).segment(scene(64, 96), sizes, sizes)[0])


def test_int8_is_near(network: Network, exported: dict[Format, Path], tmp_path: Path) -> None:
    for place in range(4):
        pixels = scene(60 + place, 80)[0].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(tmp_path / f"{place}.png")
    path = tmp_path / "model.onnx"
    summary = export(network, path, ExportConfig(int8=tmp_path))
    assert summary.facts.precision == open_session(path).facts.precision == "int8"
    images = scene(64, 96).numpy()
    exact, near = (open_session(p).run(images)[1] for p in (exported["onnx"], path))
    assert not np.array_equal(exact, near)
    np.testing.assert_allclose(near, exact, atol=0.05)


def test_wrong_use_is_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.xml for --format openvino, found '\.onnx'"):
        export(network, tmp_path / "model.onnx", ExportConfig("openvino"))
    taken = tmp_path / "model.onnx"
    taken.write_text("mine")
    with pytest.raises(FileExistsError, match="--overwrite"):
        export(network, taken)
    assert taken.read_text() == "mine"
    with pytest.raises(ValueError, match="--int8 is for the formats onnx and openvino"):
        ExportConfig("torchscript", tmp_path)
    with pytest.raises(ValueError, match="onnx or openvino or torchscript, found 'tflite'"):
        ExportConfig("tflite")  # type: ignore[arg-type]


def test_other_files_are_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "g", ends[:1], ends[1:])
    path = tmp_path / "other.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    with pytest.raises(ValueError, match="expected a model written by `sapnet export`"):
        open_session(path)
    for name in ("broken.onnx", "broken.xml", "broken.pt"):
        (tmp_path / name).write_bytes(b"no model")
        (tmp_path / "broken.bin").write_bytes(b"")
        with pytest.raises(ValueError, match=f"{name}: cannot be opened"):
            open_session(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"absent\.onnx: no such file"):
        open_session(tmp_path / "absent.onnx")
    (tmp_path / "alone.xml").write_text("<net/>")
    with pytest.raises(FileNotFoundError, match=r"alone\.bin: the weights of alone\.xml"):
        open_session(tmp_path / "alone.xml")


def test_a_missing_runtime_is_named(
    exported: dict[Format, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'sapnet\[export\]'"):
        open_session(exported["onnx"])
