"""Training: schedule, Lightning module, data and the run folder."""
