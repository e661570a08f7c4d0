import torch

from sapnet.segmentation.coordinates import append_coordinates


def test_x_and_y_follow_the_features() -> None:
    features = torch.full((2, 1, 2, 3), 7.0)
    extended = append_coordinates(features)
    assert extended.shape == (2, 3, 2, 3)
    torch.testing.assert_close(extended[:, :1], features)
    for image in extended:
        assert image[1].tolist() == [[-1, 0, 1], [-1, 0, 1]]
        assert image[2].tolist() == [[-1, -1, -1], [1, 1, 1]]
