"""The click segmenter: a small network that answers a click with masks at several scales."""
