"""Data sets on disk: images, clicks, ground truth and formats of other tools."""
