"""What every proposer can do: candidate masks for the clicks of one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from sapnet.structures.clicks import Click
    from sapnet.structures.proposals import Proposals
    from sapnet.system.version import JSON


class Proposer(Protocol):
    """Whatever proposes masks for a click: a frozen segmenter, image regions, a file.

    A proposer that runs in several processes must survive pickling, and gives the same answer
    for the same image and clicks in each of them.
    """

    @property
    def name(self) -> str:
        """The proposer's name on the command line, kept in the store's manifest."""
        ...

    @property
    def settings(self) -> Mapping[str, JSON]:
        """All that decides what is proposed (checkpoint, parameters), and nothing else.

        Two runs may share a store only if these are equal; so neither device nor speed settings
        belong here.
        """
        ...

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Candidate masks of every object of one image.

        Args:
            image: (H, W, 3) uint8 RGB, upright.
            clicks: all N clicks of that image whose mask is not known, original frame; a click may
                carry a box.

        Returns:
            N bags of proposals, in the order of the clicks; an object may have any number of
            them, and empty masks are dropped later.
        """
        ...


@runtime_checkable
class StagedProposer(Proposer, Protocol):
    """A proposer whose work on the image can be kept while clicks come one by one."""

    def prepare(self, image: np.ndarray) -> Any:  # noqa: ANN401  # each proposer's own
        """What is computed once per image.

        Args:
            image: (H, W, 3) uint8 RGB, upright.
        """
        ...

    def propose_prepared(
        self,
        prepared: Any,  # noqa: ANN401  # what `prepare` gave
        clicks: Sequence[Click],
        indices: Sequence[int],
    ) -> list[Proposals]:
        """Candidate masks of some objects of a prepared image.

        Args:
            prepared: what `prepare` gave for the image.
            clicks: all N clicks of the image; the others matter as rivals.
            indices: which of them to propose for.

        Returns:
            One bag of proposals per index, as `propose` would give.
        """
        ...
