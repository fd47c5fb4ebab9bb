"""The recipe: every value that shapes an evolution.

In: YAML and `key=value` settings. Out: frozen, validated configurations, one for each stage.
"""
