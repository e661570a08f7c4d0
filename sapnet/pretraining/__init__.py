"""Class-agnostic training of the segmenter that other trainings start from."""
