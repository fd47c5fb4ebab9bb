"""What runs inside a vLLM server of ours: the key that all its paths ask for, and the swap of its weights.

In: requests with a key and the digest of a model. Out: answers of that model, or a refusal.
"""
