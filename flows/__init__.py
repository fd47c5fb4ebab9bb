"""When things happen, and what a person calls: the Prefect flows.

In: a recipe's name and settings. Out: an evolution's ledger with one more iteration, a model's results, an export.
"""
