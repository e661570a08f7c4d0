from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.decoder import NUM_MASKS, Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.segmenter import ClickSegmenter, lay_windows, window_prompts
from sapnet.proposals.click.windows import Pyramid
from sapnet.structures.clicks import Click

CFG = ClickConfig(sides=(0.25, 1.0), window_side=32)


Point = tuple[float, float]


def click_at(
    *points: Point,
    negative_points: tuple[Point, ...] = (),
    box: tuple[float, float, float, float] | None = None,
) -> Click:
    return Click(1, 1, 1, points, negative_points, box)


@pytest.fixture
def segmenter() -> ClickSegmenter:
    torch.manual_seed(0)
    return ClickSegmenter(ClickNetwork(build_encoder(), Decoder()).eval(), CFG)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def test_windows_lie_round_the_click() -> None:
    windows = lay_windows(click_at((40.0, 30.0)), (60, 80), CFG)
    assert windows.tolist() == [[30, 20, 20], [0, -10, 80]]


def test_windows_hold_all_positive_clicks() -> None:
    windows = lay_windows(click_at((20.0, 30.0), (50.0, 30.0)), (60, 80), CFG)
    assert windows.tolist() == [[0, -10, 80]]


def test_a_box_gets_a_window_of_its_own() -> None:
    windows = lay_windows(click_at((40.0, 30.0), box=(20.0, 20.0, 60.0, 40.0)), (60, 80), CFG)
    assert windows.tolist() == [[0, -10, 80], [14, 4, 52]]


def test_clicks_too_far_apart_for_every_window_get_one() -> None:
    windows = lay_windows(click_at((1.0, 30.0), (79.0, 30.0)), (60, 80), CFG)
    assert windows.shape == (1, 3)
    assert windows[0, 2] == pytest.approx(78 * CFG.box_margin)


def test_prompts_are_shares_of_the_window_and_negatives_outside_do_not_count() -> None:
    click = click_at((40.0, 30.0), negative_points=((32.0, 22.0), (70.0, 30.0)))
    prompts = window_prompts(click, lay_windows(click, (60, 80), CFG), [0, 1])
    assert prompts.points[0, 0].tolist() == [0.5, 0.5]
    assert prompts.points[1, 2].tolist() == [0.875, 0.5]
    assert prompts.signs.tolist() == [[1, -1, 0], [1, -1, -1]]
    assert prompts.has_box.tolist() == [0, 0]


def test_an_estimated_box_is_no_prompt() -> None:
    known = click_at((40.0, 30.0), box=(20.0, 20.0, 60.0, 40.0))
    estimate, none = replace(known, box_score=0.9), replace(known, box=None)
    windows = lay_windows(none, (60, 80), CFG)
    assert np.array_equal(lay_windows(estimate, (60, 80), CFG), windows)
    prompts = window_prompts(estimate, windows, range(len(windows)))
    assert not prompts.has_box.any()
    assert not prompts.boxes.any()


def test_boxes_are_clipped_to_their_window() -> None:
    click = click_at((40.0, 30.0), box=(20.0, 20.0, 60.0, 40.0))
    prompts = window_prompts(click, np.array([[30.0, 20.0, 20.0]]), [0])
    assert prompts.boxes.tolist() == [[0, 0, 1, 1]]


def test_every_window_answers(segmenter: ClickSegmenter, image: np.ndarray) -> None:
    candidates = segmenter.candidates(segmenter.prepare(image), click_at((40.0, 30.0)))
    assert candidates.logits.shape == (2, NUM_MASKS, 8, 8)
    assert len(candidates) == 2 * NUM_MASKS
    assert ((candidates.scores >= 0) & (candidates.scores <= 1)).all()


def test_the_whole_image_is_encoded_once_for_all_clicks(
    segmenter: ClickSegmenter, image: np.ndarray
) -> None:
    click = click_at((40.0, 30.0))
    shared = segmenter.candidates(segmenter.prepare(image), click)
    windows = lay_windows(click, (60, 80), CFG)
    with torch.inference_mode():
        pixels = segmenter._cut(Pyramid(image), windows)
        log_sides = torch.from_numpy(np.log(windows[:, 2] / 80)).float()
        prompts = window_prompts(click, windows, [0, 1])
        answers = segmenter.network(segmenter.network.encode(pixels), log_sides, prompts)
    torch.testing.assert_close(shared.logits, answers.mask_logits, atol=1e-4, rtol=1e-4)


def test_mirrored_images_are_answered_the_same(
    segmenter: ClickSegmenter, image: np.ndarray
) -> None:
    both = ClickSegmenter(segmenter.network, replace(CFG, mirror=True))
    plain = both.candidates(
        both.prepare(image), click_at((30.0, 30.0), box=(20.0, 20.0, 50.0, 44.0))
    )
    mirrored = both.candidates(
        both.prepare(np.ascontiguousarray(image[:, ::-1])),
        click_at((50.0, 30.0), box=(30.0, 20.0, 60.0, 44.0)),
    )
    # OpenCV 4 rounds the places of a warp to 1/32 of a pixel, so a mirrored one differs a little.
    exact = int(cv2.__version__.split(".")[0]) >= 5
    tolerance = {"atol": 1e-4 if exact else 0.05, "rtol": 1e-4}
    torch.testing.assert_close(mirrored.logits.flip(3), plain.logits, **tolerance)
    torch.testing.assert_close(mirrored.scores, plain.scores, **tolerance)


def test_a_click_of_which_only_the_whole_image_is_asked(image: np.ndarray) -> None:
    torch.manual_seed(0)
    cfg = ClickConfig(sides=(1.0,), window_side=32)
    alone = ClickSegmenter(ClickNetwork(build_encoder(), Decoder()).eval(), cfg)
    candidates = alone.candidates(alone.prepare(image), click_at((40.0, 30.0)))
    assert candidates.logits.shape == (1, NUM_MASKS, 8, 8)
