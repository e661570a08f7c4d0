"""Values that pass between the packages: frozen dataclasses, checked when they are built."""
