"""Daily use: server, workers, deployments, and runs that are listed, cancelled or rerun.

In: a Prefect server's address and LANCE_HOME. Out: services of this machine, states of runs.
"""
