from __future__ import annotations

from dataclasses import replace

from sapnet.proposals.regions.scene import arrange_clicks
from sapnet.structures.clicks import Click


def test_rivals_and_kin_of_each_click() -> None:
    clicks = [
        Click(1, 1, 7, ((1.5, 1.5), (2.5, 1.5))),
        replace(Click(2, 1, 7, ((5.5, 5.5),)), negative_points=((9.5, 9.5),)),
        Click(3, 1, 8, ((3.5, 8.5),)),
    ]

    scene = arrange_clicks(clicks, (10, 10))

    # points in order: two of object 1, one and one negative of object 2, one of object 3
    assert scene.rivals.tolist() == [
        [False, False, True, False, True],
        [True, True, False, True, True],
        [True, True, True, False, False],
    ]
    assert scene.kin.tolist() == [
        [False, False, True, False, False],
        [True, True, False, False, False],
        [False, False, False, False, False],
    ]
