"""What the reviewer looks at: signals of one model about one pair, asked once and stored, so that scores can change.

likelihood    the model's own log-probabilities of the two texts
contrast      the response's lead over contradictions of itself
read          the probabilities of score tokens
sampled       rationales with a score behind each, as published
"""
