from __future__ import annotations

from typing import Any

import pytest

from sapnet.proposals.regions.config import RegionsConfig


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"num_proposals": 0}, "num_proposals"),
        ({"smallest_size": 2.0}, "smallest_size"),
        ({"aspects": ()}, "aspects"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        RegionsConfig(**values)
