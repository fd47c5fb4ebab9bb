"""Run in the model environment: fetching a dataset.

In: a dataset's name and split. Out: a Parquet table.
"""
