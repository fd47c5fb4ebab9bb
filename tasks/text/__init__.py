"""Text: measures of it, its language, corruptions of it, and the prompts.

In: strings. Out: numbers and strings.
"""
