"""Evolutions of recipes, compared."""
