"""From the candidate masks of each object to the one that shows it."""
