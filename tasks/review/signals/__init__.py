"""Signals: what a reviewing model is asked about one instruction with its response, kept as numbers before any
judgement.

In: an instruction with its response. Out: calls to an engine, and from their answers figures by name: `likelihood`
(log-probabilities of the two texts), `contrast` (lead of the response over contradictions of it), `read` (probabilities
of score tokens), `sampled` (rationales with a score, as published).
"""
