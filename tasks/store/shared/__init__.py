"""What machines without a common file system have in common: artifacts, texts and leases as objects of one store.

In: the address in LANCE_STORE, credentials from the environment. Out: objects that appear whole, replaced only by
whoever has seen what stands there.
"""
