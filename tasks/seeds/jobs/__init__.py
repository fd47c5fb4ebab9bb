"""Jobs, run in the model environment, where alone torch may be imported: fetching a dataset.

In: a dataset's name and split. Out: a Parquet table.
"""
