import pytest

from sapnet.segmentation.config import (
    PUBLISHED_GRIDS,
    PUBLISHED_RANGES,
    PredictConfig,
    SOLOv2Config,
)


def test_cells_of_all_levels_lie_in_one_row() -> None:
    cfg = SOLOv2Config(
        num_grids=(4, 3, 1), scale_ranges=((1, 8), (8, 16), (16, 32)), strides=(8, 8, 16)
    )
    assert cfg.num_levels == 3
    assert cfg.cells_per_level == (16, 9, 1)
    assert cfg.level_offsets == (0, 16, 25)


def test_open_grids_and_ranges_are_the_published_ones() -> None:
    cfg = SOLOv2Config()
    assert (cfg.num_grids, cfg.scale_ranges) == (None, None)
    assert (cfg.grids, cfg.ranges) == (PUBLISHED_GRIDS, PUBLISHED_RANGES)
    assert cfg.num_levels == 5
    given = SOLOv2Config(num_grids=(5, 4, 3, 2, 1), scale_ranges=((1, 2),) * 5)
    assert (given.grids, given.ranges) == ((5, 4, 3, 2, 1), ((1, 2),) * 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_grids": (40, 36)}, "scale_ranges 5"),
        ({"num_grids": (), "scale_ranges": (), "strides": ()}, "1 to 5 levels, found 0"),
        ({"strides": (8, 8, 16, 32, 0)}, "at least 1"),
        ({"scale_ranges": ((9, 1), (1, 2), (1, 2), (1, 2), (1, 2))}, "low, high"),
        ({"channels": 100}, "multiple of norm_groups = 32, found 100"),
        ({"stacked_convs": 0}, "stacked_convs"),
        ({"center_region": 1.5}, "center_region"),
        ({"dice_eps": 0.0}, "dice_eps"),
    ],
)
def test_bad_network_settings_are_explained(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SOLOv2Config(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score_threshold": -0.1}, "score_threshold: expected 0..1, found -0.1"),
        ({"pre_nms": 0}, "pre_nms: expected at least 1"),
        ({"max_instances": 0}, "max_instances"),
        ({"kernel": "cubic"}, "gaussian or linear, found 'cubic'"),
        ({"sigma": 0.0}, "sigma"),
    ],
)
def test_bad_prediction_settings_are_explained(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PredictConfig(**changes)
