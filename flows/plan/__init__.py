"""Before a run: what a recipe will ask, take and cost, and what is wrong with it.

In: a recipe, and its seeds, model and benchmarks as far as they are on this machine. Out: tokens, hours, memory, disk,
problems.
"""
