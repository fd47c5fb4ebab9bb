"""Malformed inputs of many kinds, and what a person is told of each.

.venv/bin/python -m tests.support.malformed          # writes tests/support/malformed/messages.md again, to be read
"""
