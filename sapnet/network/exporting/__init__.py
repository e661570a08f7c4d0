"""Export of a trained network to the files of other runtimes, and prediction with these."""
