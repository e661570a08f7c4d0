"""Fine-tuning of the click segmenter on the few corrected masks of a user."""
