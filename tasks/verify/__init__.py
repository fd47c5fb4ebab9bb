"""Verify: what is right by a rule and not by an opinion.

In: low seeds and new instructions, or nothing; answers. Out: questions that rules can check, and a verdict of each
check on each answer, with its reason.
"""
