"""What one run may spend. Checked before each shard and each training: what is under way is finished and kept."""

import time
from dataclasses import dataclass, field

from tasks.recipe.running import BudgetConfig


class BudgetSpent(RuntimeError):
    """The run ends here; the next one, with a budget of its own, continues."""

    retryable = False


@dataclass
class Budget:
    config: BudgetConfig
    tokens: int = 0  # written in this run; those of cached stages cost nothing
    started: float = field(default_factory=time.monotonic)

    def spend(self, tokens: int) -> None:
        self.tokens += tokens

    def check(self) -> None:
        """Raise BudgetSpent where nothing is left."""
        hours = (time.monotonic() - self.started) / 3600
        spent = {"tokens": (self.tokens, self.config.tokens), "hours": (hours, self.config.hours)}
        for what, (found, most) in spent.items():
            if most is not None and found >= most:
                raise BudgetSpent(f"the budget is spent: {found:,.4g} of {most:,.4g} {what} (budget.{what})")
