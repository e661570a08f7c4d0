"""Files, processes, devices and settings: services that know nothing of images."""
