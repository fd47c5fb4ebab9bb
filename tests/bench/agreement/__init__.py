"""Checks held against those of lm-evaluation-harness."""
