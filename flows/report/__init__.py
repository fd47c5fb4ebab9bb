"""What a person reads of an evolution, and what leaves it: HTML pages, artifacts of the Prefect UI, exports with cards.

In: a ledger and the store. Out: files, Prefect artifacts.
"""
