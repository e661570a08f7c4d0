import torch

from sapnet.segmentation.others.pixels import Normalisation


def test_content_is_normalised_and_padding_is_zero() -> None:
    normalisation = Normalisation((0.5, 0.5, 0.0), (0.5, 0.25, 1.0))
    images = torch.full((2, 3, 4, 6), 255, dtype=torch.uint8)
    found = normalisation(images, torch.tensor([[4, 6], [2, 3]]))
    assert found[0].flatten(1).unique(dim=1).tolist() == [[1.0], [2.0], [1.0]]
    assert found[1, :, :2, :3].flatten(1).unique(dim=1).tolist() == [[1.0], [2.0], [1.0]]
    assert found[1, :, 2:].abs().sum() + found[1, :, :, 3:].abs().sum() == 0
