"""The budget: nothing is said while there is some left, and what is spent is named."""

import time

import pytest

from tasks.execution.budget import Budget, BudgetSpent
from tasks.recipe.running import BudgetConfig


def test_tokens_are_counted_and_the_last_one_ends_it() -> None:
    budget = Budget(BudgetConfig(tokens=10))
    budget.spend(9)
    budget.check()
    budget.spend(1)
    with pytest.raises(BudgetSpent, match=r"10 of 10 tokens \(budget\.tokens\)") as spent:
        budget.check()
    assert not spent.value.retryable


def test_hours_are_those_of_the_run() -> None:
    budget = Budget(BudgetConfig(hours=2), started=time.monotonic() - 2 * 3600)
    with pytest.raises(BudgetSpent, match=r"of 2 hours \(budget\.hours\)"):
        budget.check()
    Budget(BudgetConfig(hours=2)).check()


def test_without_a_budget_nothing_ends() -> None:
    budget = Budget(BudgetConfig())
    budget.spend(10**12)
    budget.check()
