"""Training: settings, data, schedule, checkpoints and the run folder."""
