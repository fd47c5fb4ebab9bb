"""Run in the model environment: making the default model, fetching one from a hub.

In: a name. Out: a model folder.
"""
