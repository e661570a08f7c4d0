from __future__ import annotations

import pytest
import torch

from sapnet.proposals.click.prompts import (
    MAP_CHANNELS,
    NEAR,
    WIDE,
    Prompts,
    positive_mean,
    prompt_maps,
)


def one_prompt(
    points: list[list[float]], signs: list[float], box: list[float] | None = None
) -> Prompts:
    return Prompts(
        points=torch.tensor([points]),
        signs=torch.tensor([signs]),
        boxes=torch.tensor([box or [0.0] * 4]),
        has_box=torch.tensor([float(box is not None)]),
        window_index=torch.zeros(1, dtype=torch.int64),
    )


def test_offsets_are_twice_the_way_from_the_first_click() -> None:
    maps = prompt_maps(one_prompt([[0.25, 0.75]], [1.0]), 2, 2)
    assert maps.shape == (1, MAP_CHANNELS, 2, 2)
    assert maps[0, 0].tolist() == [[0, 1], [0, 1]]
    assert maps[0, 1].tolist() == [[-1, -1], [0, 0]]


def test_nearness_counts_the_nearest_click_of_its_sign_only() -> None:
    maps = prompt_maps(
        one_prompt([[0.25, 0.25], [0.75, 0.75], [0.25, 0.25]], [1.0, -1.0, 0.0]), 2, 2
    )
    away = torch.tensor(0.5)
    assert maps[0, 2, 0, 0] == 1
    assert maps[0, 4, 1, 1] == 1
    torch.testing.assert_close(maps[0, 2, 0, 1], torch.exp(-(away**2) / (2 * NEAR**2)))
    torch.testing.assert_close(maps[0, 3, 0, 1], torch.exp(-away / WIDE))
    torch.testing.assert_close(maps[0, 5, 0, 1], torch.exp(-away / WIDE))


def test_without_negative_clicks_and_box_their_maps_are_zero() -> None:
    maps = prompt_maps(one_prompt([[0.5, 0.5]], [1.0]), 4, 4)
    assert not maps[0, 4:].any()


def test_box_maps_tell_inside_and_place() -> None:
    maps = prompt_maps(one_prompt([[0.25, 0.25]], [1.0], [0.0, 0.0, 0.5, 1.0]), 2, 2)
    assert maps[0, 6].tolist() == [[1, 0], [1, 0]]
    assert maps[0, 7].tolist() == [[1, 1], [1, 1]]
    assert maps[0, 8].tolist() == [[0, 2], [0, 2]]
    assert maps[0, 9].tolist() == [[-0.5, -0.5], [0.5, 0.5]]


def test_positive_mean_leaves_out_negative_clicks_and_padding() -> None:
    values = torch.tensor([[[1.0], [3.0], [50.0], [70.0]]])
    assert positive_mean(values, torch.tensor([[1.0, 1.0, -1.0, 0.0]])).tolist() == [[2.0]]


def test_mirrored_prompts_paint_mirrored_maps() -> None:
    prompts = one_prompt([[0.3, 0.4], [0.9, 0.1]], [1.0, -1.0], [0.1, 0.2, 0.5, 0.9])
    maps, mirrored = prompt_maps(prompts, 8, 8), prompt_maps(prompts.mirrored(), 8, 8).flip(3)
    signs = torch.ones(MAP_CHANNELS)
    signs[[0, 8]] = -1  # ways along x
    torch.testing.assert_close(mirrored, maps * signs[:, None, None])


def test_no_prompts_give_no_maps() -> None:
    none = one_prompt([[0.5, 0.5]], [1.0]).take(torch.zeros(0, dtype=torch.int64))
    assert prompt_maps(none, 3, 3).shape == (0, MAP_CHANNELS, 3, 3)


def test_wrong_shapes_are_told() -> None:
    with pytest.raises(ValueError, match=r"Prompts\.boxes: expected shape \(1, 4\)"):
        Prompts(
            points=torch.zeros(1, 1, 2),
            signs=torch.ones(1, 1),
            boxes=torch.zeros(1, 2),
            has_box=torch.zeros(1),
            window_index=torch.zeros(1, dtype=torch.int64),
        )
