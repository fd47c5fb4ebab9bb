"""Site: an evolution's results in a browser, and vetoes from there.

In: LANCE_HOME. Out: pages on this machine.
"""
