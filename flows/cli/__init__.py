"""The `lance` command line: one file for each command that prints.

In: what a person types. Out: text or JSON on standard output, and an exit code.
"""
