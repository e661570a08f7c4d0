"""The network that is trained: its model, settings, loading and compilation."""
