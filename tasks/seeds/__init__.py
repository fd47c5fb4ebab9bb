"""Seeds: what a person gives, read row by row and divided.

In: files, folders or a dataset's name. Out: the artifact `seeds` (rows to work on, held-out rows, anchor rows, rejects)
and the pool of an iteration.
"""
