"""Quality of labels, proposals and predictions, measured against ground truth."""
