"""Audits: the quality of labels from a random sample that a person judges."""
