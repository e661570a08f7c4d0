from __future__ import annotations

from sapnet.proposals.click.rivals import with_rivals
from sapnet.structures.clicks import Click

CLICKS = [
    Click(1, 1, 1, ((10.0, 10.0),), negative_points=((3.0, 3.0),)),
    Click(2, 1, 1, ((50.0, 10.0), (60.0, 10.0))),
    Click(3, 1, 2, ((12.0, 10.0),)),  # another category
    Click(4, 1, 1, ((10.0, 20.0),)),
    Click(5, 1, 1, ((11.0, 10.0),)),  # as near as two clicks on one object
]


def test_the_nearest_clicks_of_the_category_are_added() -> None:
    assert with_rivals(CLICKS, 0, 4).negative_points == ((3.0, 3.0), (10.0, 20.0), (50.0, 10.0))
    assert with_rivals(CLICKS, 0, 1).negative_points == ((3.0, 3.0), (10.0, 20.0))
    assert with_rivals(CLICKS, 0, 0) == CLICKS[0]


def test_a_click_alone_in_its_category_stays() -> None:
    assert with_rivals(CLICKS, 2, 4) == CLICKS[2]
