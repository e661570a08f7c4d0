"""Reading of what a training learns from: sources by name, masks by file."""
