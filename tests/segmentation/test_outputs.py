import torch

from sapnet.segmentation.outputs import SOLOv2Outputs, flatten_cells


def test_cells_are_ordered_by_level_then_row() -> None:
    fine = torch.arange(8.0).view(1, 2, 2, 2)
    coarse = torch.tensor([[[[8.0]], [[9.0]]]])
    assert flatten_cells([fine, coarse]).tolist() == [[[0, 4], [1, 5], [2, 6], [3, 7], [8, 9]]]


def test_sizes_of_the_batch(outputs: SOLOv2Outputs) -> None:
    assert outputs.num_images == 2
    assert outputs.input_size == (32, 64)
