"""Recipes: settings as YAML files, by name or path."""
