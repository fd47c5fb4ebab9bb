"""Evolution: its iterations and its champion, and every question about them that needs no model.

In: artifacts of iterations. Out: the ledger, the champion (which the gate or a person changes, nobody else), lineage of
rows, the funnel, what other settings would change, what may be deleted.
"""
