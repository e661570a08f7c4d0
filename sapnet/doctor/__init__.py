"""Checks of `sapnet doctor`: the machine, the data set, the store and the run."""
