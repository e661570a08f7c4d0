"""What partly clicked images need: objects seen in them, and cells that learn nothing there."""
