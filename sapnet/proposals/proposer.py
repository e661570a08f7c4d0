"""The protocol of proposers: candidate masks for the clicks of one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from sapnet.structures.clicks import Click
    from sapnet.structures.proposals import Proposals
    from sapnet.system.from_json import JSON


class Proposer(Protocol):
    """A source of candidate masks for clicks: a frozen segmenter, image regions, or a file.

    A proposer that runs in several processes must survive pickling, and must give the same
    proposals for the same image and clicks in each of them.
    """

    @property
    def name(self) -> str:
        """The proposer's name on the command line, kept in the store's manifest."""
        ...

    @property
    def settings(self) -> Mapping[str, JSON]:
        """The settings that determine the proposals (checkpoint, parameters), and no others.

        Two runs may share a store only if these are equal. Device and speed settings therefore do
        not belong here.
        """
        ...

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Return candidate masks of every object of one image.

        Args:
            image: (H, W, 3) uint8 RGB, upright.
            clicks: all N clicks of that image whose mask is not known, original frame; a click may
                carry a box.

        Returns:
            N bags of proposals, in the order of the clicks. A bag may hold any number of
            proposals; empty masks are dropped later.
        """
        ...


@runtime_checkable
class StagedProposer(Proposer, Protocol):
    """A proposer whose work on an image can be kept while clicks arrive one by one."""

    def prepare(self, image: np.ndarray) -> Any:  # noqa: ANN401  # each proposer's own
        """Compute what is needed once per image.

        Args:
            image: (H, W, 3) uint8 RGB, upright.
        """
        ...

    def propose_prepared(
        self,
        prepared: Any,  # noqa: ANN401  # the result of `prepare`
        clicks: Sequence[Click],
        indices: Sequence[int],
    ) -> list[Proposals]:
        """Return candidate masks of some objects of a prepared image.

        Args:
            prepared: result of `prepare` for the image.
            clicks: all N clicks of the image; those without an index matter as rivals.
            indices: indices of the clicks to propose for.

        Returns:
            One bag of proposals per index, as `propose` would return.
        """
        ...
