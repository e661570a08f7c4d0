"""Training of the click segmenter from photographs with masks."""
