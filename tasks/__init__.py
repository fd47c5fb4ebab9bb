"""What a stage does. README.md beside this file has the order of the rooms and how to add to them.

In: seeds and a model. Out: artifacts in the store, each named by what made it.
"""
