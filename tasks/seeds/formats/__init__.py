"""Formats: seed files of many kinds as rows of named values, in the order of the file.

In: one file, compressed or not. Out: its rows; one that cannot be read is a row with its problem.
"""
