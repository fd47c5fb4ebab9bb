"""Prompt templates (Jinja), the principles, examples and canaries (YAML).

In: values for exactly the variables of a template. Out: the text that a model reads.
"""
