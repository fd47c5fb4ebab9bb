"""Verify: what is right by a rule and not by an opinion.

In: texts and what a rule can check of them. Out: findings with their reasons.
"""
