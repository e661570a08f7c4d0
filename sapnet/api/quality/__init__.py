"""Functions that say how good labels and predictions are, and what is missing."""
