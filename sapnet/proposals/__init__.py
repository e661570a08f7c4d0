"""Proposers: candidate masks for each click, and the run that writes them to a store."""
