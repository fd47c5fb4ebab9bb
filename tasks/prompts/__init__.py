"""Prompt templates and the constitution."""
