"""Run in the model environment: experiment trackers.

In: figures of an iteration. Out: a run in each tracker.
"""
