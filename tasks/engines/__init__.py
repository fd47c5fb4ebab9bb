"""Engines: asking a model.

In: calls. Out: answers, from a vLLM server of our own, in shards that survive a crash; and starting models.
"""
