"""The training loop, for every kind of network that sapnet trains."""
