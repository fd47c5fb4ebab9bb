"""Jobs, run in the model environment, where alone torch may be imported: experiment trackers.

In: figures of an iteration. Out: a run in each tracker.
"""
