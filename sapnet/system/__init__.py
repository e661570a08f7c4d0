"""Files, processes, devices and settings: what is not about images."""
