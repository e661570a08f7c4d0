from __future__ import annotations

import numpy as np

from sapnet.proposals.regions.candidates import assumed_boxes, collect_pool, draw_candidate
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.image import measure_image
from sapnet.proposals.regions.scene import arrange_clicks
from sapnet.proposals.regions.windows import place_clicks
from sapnet.structures.clicks import Click


def test_assumed_boxes_have_the_sizes_and_aspects_of_the_settings() -> None:
    cfg = RegionsConfig(smallest_size=0.25, largest_size=1.0, num_sizes=2, aspects=(0.25, 1.0))

    boxes = assumed_boxes((100, 400), cfg) * (400, 100)

    # square root of the area: 200 px; sides 50 and 200, width : height 1 : 4 and 1 : 1
    np.testing.assert_allclose(boxes, [[25, 100], [50, 50], [100, 400], [200, 200]])


def test_a_pool_holds_a_candidate_that_is_the_square() -> None:
    image = np.full((60, 80, 3), 90, np.uint8)
    image[15:45, 25:55] = (210, 40, 40)
    cfg = RegionsConfig(num_sizes=3, aspects=(1.0,))
    evidence = measure_image(image, cfg.working_side)
    scene = arrange_clicks([Click(1, 1, 1, ((40.5, 30.5),))], (60, 80))
    field = place_clicks(evidence, scene.points, scene.rival_points, scene.rivals)

    pool = collect_pool(evidence, field, scene, 0, cfg)

    assert len(pool.masks) == len(pool.features) == len(pool.cuts.kind) + len(pool.frames)
    truth = np.zeros((60, 80), bool)
    truth[15:45, 25:55] = True
    drawn = [draw_candidate(pool, index, (60, 80)) for index in range(len(pool.masks))]
    ious = [(mask & truth).sum() / (mask | truth).sum() for mask in drawn]
    assert max(ious) > 0.9
