"""Review: a score from 0 to 10 for an instruction with its response, and how good the reviewer itself is.

In: instructions with responses (seeds, written rows, anchors) and the reviewing model. Out: signals, reviews with a
score or the reason why there is none, and the reviewer's meta-evaluation with its calibration.
"""
