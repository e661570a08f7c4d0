import torch

from sapnet.selection.config import ConsensusConfig
from sapnet.selection.consensus import expected_iou, pairwise_iou

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


def test_pairwise_iou_does_not_depend_on_chunks(monkeypatch) -> None:  # noqa: ANN001
    masks = (torch.rand(5, 4, 6, 7, generator=torch.Generator().manual_seed(0)) > 0.5).byte()
    whole = pairwise_iou(masks)
    monkeypatch.setattr("sapnet.selection.consensus.CHUNK_CELLS", 1)
    torch.testing.assert_close(pairwise_iou(masks), whole)


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


def test_empty() -> None:
    masks = torch.zeros(0, 3, 4, 4, dtype=torch.uint8)
    members = torch.zeros(0, 3, dtype=torch.bool)
    assert expected_iou(masks, torch.zeros(0, 3), members, ConsensusConfig()).shape == (0, 3)
    assert pairwise_iou(masks).shape == (0, 3, 3)
