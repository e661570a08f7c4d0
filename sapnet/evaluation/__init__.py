"""How good labels, proposals and predictions are: the room that knows ground truth."""
