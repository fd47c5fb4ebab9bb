"""Tokens a second against the bare server."""
