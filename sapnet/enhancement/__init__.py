"""Clicks -> a box per click: the second prompt of the proposer, learned from the clicks alone."""
