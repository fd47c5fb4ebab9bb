"""Stages on a million rows: seconds and memory."""
