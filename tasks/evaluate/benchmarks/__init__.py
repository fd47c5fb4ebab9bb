"""Benchmarks: tasks of lm-evaluation-harness, asked through our own engine.

In: the recipe's benchmarks and a model. Out: requests, items that nothing may be trained on, a score for each item.
"""
