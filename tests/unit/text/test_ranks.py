"""The share of pairs in their order, as counting them gives it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.ranks import auc

NUMBERS = st.lists(st.integers(0, 5), min_size=1, max_size=20)


@given(NUMBERS, NUMBERS)
def test_it_is_the_share_of_pairs_in_their_order_ties_half(above: list[int], below: list[int]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a, b in product(above, below)]
    assert auc(above, below) == pytest.approx(sum(pairs) / len(pairs))


def test_a_million_pairs_of_thousands_take_no_room() -> None:
    assert auc(range(10**6, 2 * 10**6), range(10**6)) == 1
