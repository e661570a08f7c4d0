"""The simulated proposer: candidate masks made from ground truth, for tests and the demo."""
