"""Annotate: what of the written text is trained on.

In: seeds and written rows with their reviews. Out: low and high seeds (split), SFT rows, preference pairs, rejects.
"""
