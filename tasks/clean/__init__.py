"""Clean: rules that take out what nothing should be learned from.

In: written rows, the pool, the items that models are measured on. Out: the rows that are kept, and every other one as a
reject with its rule and reason.
"""
