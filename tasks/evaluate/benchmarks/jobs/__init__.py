"""Run in the model environment: lm-evaluation-harness.

In: tasks and replies. Out: requests and scores.
"""
