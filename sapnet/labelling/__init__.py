"""Labels: one mask for each click, chosen by a trained network."""
