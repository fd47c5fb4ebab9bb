"""Execution: how a stage (stage.py) is found in the store or made by a runner (runner.py).

In: a stage's identity and a function or job that makes it. Out: a reference to its artifact, by way of Prefect tasks on
this machine, child runs on others, or the store alone.
"""
