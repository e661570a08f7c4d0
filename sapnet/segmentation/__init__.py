"""SOLOv2: the instance segmenter that is trained on masks, wherever these come from."""
