"""The gate against planted regressions and label swaps."""
