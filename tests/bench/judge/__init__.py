"""How well the reviewer tells good responses from corrupted ones."""
