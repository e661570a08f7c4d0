import itertools
from dataclasses import replace

import pytest
import torch

from sapnet.selection.config import ConsensusConfig
from sapnet.selection.consensus import consensus_weights, expected_iou, pairwise_iou

FREE = 1e6  # a spread that no bag reaches


def row_masks(*rows: tuple[int, int]) -> torch.Tensor:
    """One bag of masks on a 1 x 10 grid, each from its first to its last cell (exclusive)."""
    masks = torch.zeros(1, len(rows), 1, 10, dtype=torch.uint8)
    for place, (first, last) in enumerate(rows):
        masks[0, place, 0, first:last] = 1
    return masks


def test_pairwise_iou_by_hand() -> None:
    ious = pairwise_iou(row_masks((0, 4), (2, 6), (0, 0)))
    expected = torch.tensor([[[1, 2 / 6, 0], [2 / 6, 1, 0], [0, 0, 1]]])
    torch.testing.assert_close(ious, expected)


def plain_iou(masks: torch.Tensor) -> torch.Tensor:
    """IoU of one pair of masks after the other."""
    ious = torch.eye(masks.shape[1]).repeat(len(masks), 1, 1)
    for bag, own in enumerate(masks.bool()):
        for j, k in itertools.permutations(range(len(own)), 2):
            shared, either = (own[j] & own[k]).sum(), (own[j] | own[k]).sum()
            ious[bag, j, k] = shared / either.clamp(min=1)
    return ious


def blobs(num_bags: int, num_proposals: int, height: int, width: int) -> torch.Tensor:
    """Noise inside windows of all sizes, so that some bags are sparse and some fill the grid."""
    y, x = torch.rand(2, num_bags, num_proposals, 2).sort(-1).values[..., None, None]
    rows, columns = torch.arange(height)[:, None] / height, torch.arange(width) / width
    inside = (y[:, :, 0] <= rows) & (rows < y[:, :, 1])
    inside = inside & (x[:, :, 0] <= columns) & (columns < x[:, :, 1])
    return (inside & (torch.rand(num_bags, num_proposals, height, width) < 0.8)).byte()


@pytest.mark.parametrize("grid", [(16, 16), (7, 9), (1, 3)])
@pytest.mark.parametrize("sparse_share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("chunk_cells", [1, 2**11, 2**22])
def test_pairwise_iou_equals_the_plain_way(
    grid: tuple[int, int],
    sparse_share: float,
    chunk_cells: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sapnet.selection.consensus.SPARSE_SHARE", sparse_share)
    monkeypatch.setattr("sapnet.selection.consensus.CHUNK_CELLS", chunk_cells)
    torch.manual_seed(0)
    masks = blobs(11, 6, *grid)
    masks[3] = 0
    masks[4] = 1
    assert torch.equal(pairwise_iou(masks), plain_iou(masks))


def test_pairwise_iou_of_a_view_and_of_many_cells() -> None:
    torch.manual_seed(0)
    masks = blobs(3, 4, 9, 5)
    view = torch.cat([masks.new_ones(1), masks.flatten()])[1:].view(masks.shape)
    assert view.storage_offset() == 1
    assert torch.equal(pairwise_iou(view), plain_iou(masks))
    assert torch.equal(pairwise_iou(masks.flip(3)), plain_iou(masks))
    many = torch.ones(1, 2, 512, 520, dtype=torch.uint8)
    many[0, 1, :, ::2] = 0
    assert pairwise_iou(many)[0, 0, 1] == 0.5


@pytest.mark.parametrize("sparse_share", [0.0, 1.0])
def test_autocast_changes_nothing(sparse_share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapnet.selection.consensus.SPARSE_SHARE", sparse_share)
    torch.manual_seed(0)
    masks, scores = blobs(5, 4, 40, 40), torch.rand(5, 4)
    members = torch.ones(5, 4, dtype=torch.bool)
    plain = expected_iou(masks, scores, members, ConsensusConfig())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(expected_iou(masks, scores, members, ConsensusConfig()), plain)


def test_agreement_beats_a_slightly_better_score() -> None:
    # A leak over everything scores best; three near equal masks agree on the first half.
    masks = row_masks((0, 10), (0, 5), (0, 5), (0, 6))
    scores = torch.tensor([[0.3, 0.25, 0.25, 0.2]])
    members = torch.ones(1, 4, dtype=torch.bool)
    assert scores.argmax(1).item() == 0
    expected = expected_iou(masks, scores, members, ConsensusConfig(power=1.0, max_spread=FREE))
    assert expected.argmax(1).item() == 1
    by_hand = 0.3 * 0.5 + 0.25 + 0.25 + 0.2 * 5 / 6
    torch.testing.assert_close(expected[0, 1], torch.tensor(by_hand))


def test_a_large_power_follows_the_best_score() -> None:
    masks = row_masks((0, 10), (0, 5), (0, 5), (0, 6))
    scores = torch.tensor([[0.3, 0.25, 0.25, 0.2]])
    members = torch.ones(1, 4, dtype=torch.bool)
    expected = expected_iou(masks, scores, members, ConsensusConfig(power=100.0, max_spread=FREE))
    torch.testing.assert_close(expected[0], pairwise_iou(masks)[0, :, 0], atol=1e-6, rtol=0)


def test_others_than_members_neither_weigh_nor_win() -> None:
    masks = row_masks((0, 10), (0, 10), (0, 5))
    members = torch.tensor([[False, False, True]])
    expected = expected_iou(
        masks, torch.tensor([[0.9, 0.9, 0.0]]), members, ConsensusConfig(power=1.0, max_spread=FREE)
    )
    assert expected.tolist() == [[0, 0, 1]]


def test_masks_without_a_cell_fall_back_to_the_score() -> None:
    members = torch.ones(1, 3, dtype=torch.bool)
    scores = torch.tensor([[0.1, 0.6, 0.3]])
    assert (
        expected_iou(row_masks((0, 0), (0, 0), (0, 0)), scores, members, ConsensusConfig()).argmax()
        == 1
    )


def test_overconfident_scores_are_tempered_until_agreement_counts() -> None:
    masks = row_masks((0, 10), (0, 5), (0, 5), (0, 6))
    members = torch.ones(1, 4, dtype=torch.bool)
    scores = torch.tensor([[0.9, 1e-12, 1e-12, 1e-12]])
    followed = expected_iou(masks, scores, members, ConsensusConfig(power=1.0, max_spread=FREE))
    assert followed.argmax(1).item() == 0
    tempered = expected_iou(masks, scores, members, ConsensusConfig(power=1.0, max_spread=0.2))
    assert tempered.argmax(1).item() == 1
    # Scaling all log scores changes nothing beyond the limit.
    more = expected_iou(masks, scores**3, members, ConsensusConfig(power=1.0, max_spread=0.2))
    torch.testing.assert_close(more, tempered)


def test_prior_and_scores_are_multiplied() -> None:
    """By hand: weights of 1/4 and 3/4 from the scores, 1/2 and 1/4 squared from the proposer."""
    masks = row_masks((0, 5), (5, 10))
    members = torch.ones(1, 2, dtype=torch.bool)
    scores, own = torch.tensor([[0.25, 0.75]]), torch.tensor([[0.5, 0.25]])
    cfg = ConsensusConfig(power=1.0, max_spread=FREE, prior_power=2.0)
    weights = consensus_weights(scores, members, cfg, own)
    torch.testing.assert_close(weights, torch.tensor([[4 / 7, 3 / 7]]))
    torch.testing.assert_close(expected_iou(masks, scores, members, cfg, own), weights)
    for plain in (ConsensusConfig(power=1.0, max_spread=FREE), replace(cfg, prior_power=0.0)):
        expected = consensus_weights(scores, members, plain)
        assert torch.equal(consensus_weights(scores, members, plain, own), expected)


def test_the_spread_of_the_prior_is_not_bounded() -> None:
    """Scores that know too well cannot outvote the proposer; where it ties, they decide."""
    masks = row_masks((0, 3), (3, 6), (6, 9))
    members = torch.ones(1, 3, dtype=torch.bool)
    scores = torch.tensor([[1e-9, 1e-9, 1.0]])
    cfg = ConsensusConfig(prior_power=24.0)
    sure = expected_iou(masks, scores, members, cfg, torch.tensor([[0.9, 0.6, 0.6]]))
    assert sure.argmax(1).item() == 0
    tied = expected_iou(masks, scores, members, cfg, torch.tensor([[0.6, 0.9, 0.9]]))
    assert tied.argmax(1).item() == 2


def test_empty() -> None:
    masks = torch.zeros(0, 3, 4, 4, dtype=torch.uint8)
    members = torch.zeros(0, 3, dtype=torch.bool)
    assert expected_iou(masks, torch.zeros(0, 3), members, ConsensusConfig()).shape == (0, 3)
    assert pairwise_iou(masks).shape == (0, 3, 3)
    assert pairwise_iou(torch.zeros(2, 0, 4, 4, dtype=torch.uint8)).shape == (2, 0, 0)
