"""Jobs, run in the model environment, where alone torch may be imported: lm-evaluation-harness.

In: tasks and replies. Out: requests and scores.
"""
