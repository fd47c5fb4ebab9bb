"""Evaluate: what two models do on the same documents, and the gate between them.

In: held-out seeds, benchmarks, champion and candidate. Out: one row for each document, axes with intervals, a verdict:
promote, hold or roll back.
"""
