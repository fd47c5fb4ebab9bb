"""Jobs, run in the model environment, where alone torch may be imported: making the default model, fetching one from a
hub.

In: a name. Out: a model folder.
"""
