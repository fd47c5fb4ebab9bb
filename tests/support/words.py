"""Texts without sense for tests: enough different words that none is taken for another's copy."""

import random

WORDS = """
river stone wind light paper north garden copper seven window letter winter cloud metal orange field
"""


def sentence(of: str) -> str:
    """16 words, the same ones for the same `of`."""
    dice, known = random.Random(of), WORDS.split()
    return " ".join(dice.choice(known) + str(dice.randint(0, 999)) for _ in range(16))
