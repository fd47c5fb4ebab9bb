"""The store: rows with an identity, artifacts that are whole or not there, and where everything is.

In: rows and files. Out: folders named by fingerprint, verified by digest when they are read.
"""
