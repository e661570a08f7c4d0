import pytest

from sapnet.segmentation.others.config import OtherSegmenterConfig, SegmenterChoice


def test_choices() -> None:
    assert SegmenterChoice().other() is None
    assert SegmenterChoice("mask-rcnn").other() == OtherSegmenterConfig("mask-rcnn")
    other = SegmenterChoice("mask2former", "folder").other()
    assert other == OtherSegmenterConfig("mask2former", "folder")


def test_wrong_choices() -> None:
    with pytest.raises(ValueError, match="expected one of solov2, mask-rcnn, mask2former, found"):
        SegmenterChoice("yolo")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"--checkpoint x is for --segmenter.*import-checkpoint"):
        SegmenterChoice("solov2", "x")


def test_what_stands_on_our_pyramid() -> None:
    assert OtherSegmenterConfig("mask-rcnn").is_on_pyramid
    assert OtherSegmenterConfig("mask-rcnn", None, {"anchors": [8] * 5}).is_on_pyramid
    assert not OtherSegmenterConfig("mask-rcnn", "maskrcnn_resnet50_fpn").is_on_pyramid
    # As a run that begins with another run has it.
    assert not OtherSegmenterConfig("mask-rcnn", None, {"builder": "x"}).is_on_pyramid
    assert not OtherSegmenterConfig("mask2former", "x").is_on_pyramid
