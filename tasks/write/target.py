"""Target: exactly so many rows of each kind, the best of those accepted; and whether writing continues."""

from collections.abc import Sequence
from math import floor, inf
from typing import TypeVar

from tasks.recipe.data import Branch
from tasks.recipe.recipe import Recipe
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.rows import Rejected
from tasks.store.tables import column, where

R = TypeVar("R", SftRow, PreferencePair)


def seeds_of_a_round(
    low: int, high: int, candidates: int, branches: Sequence[Branch], recipe: Recipe
) -> tuple[int, int]:
    """How many low and high seeds the next round works on, with so many candidates written: all, while they last.

    After that as many of each side as what is left is enough for; a single one where it is not enough for both.
    """
    costs, left = cost_of_a_seed(recipe), _left(candidates, recipe)
    counts: dict[Branch, int] = {"sft": low, "preference": high}
    whole = sum(counts[branch] * costs[branch] for branch in branches)
    if left >= whole:
        return low, high
    found = floor(low * left / whole), floor(high * left / whole)
    if found == (0, 0):
        return (1, 0) if "sft" in branches and costs["sft"] <= left else (0, 1)
    return found


def cost_of_a_seed(recipe: Recipe) -> dict[Branch, int]:
    """Candidates that one seed brings in a round at most: a new instruction is one, and so is each answer to it."""
    write = recipe.write
    return {
        "sft": write.instructions_per_low_seed * (1 + write.answers_per_instruction),
        "preference": write.flawed_per_high_seed + write.ordinary_per_high_seed,
    }


def _left(candidates: int, recipe: Recipe) -> float:
    return inf if recipe.target.candidates is None else recipe.target.candidates - candidates


def best(rows: Sequence[R], wanted: int | None, value: Sequence[float]) -> tuple[Sequence[R], Sequence[R]]:
    """`wanted` rows of the highest value in their own order, all of them without a target; and the rest."""
    names = column(rows, "id")
    taken = set(sorted(range(len(rows)), key=lambda i: (-value[i], names[i]))[:wanted])
    within = [i in taken for i in range(len(rows))]
    return where(rows, within), where(rows, [not there for there in within])


def left_over(row: SftRow | PreferencePair) -> Rejected:
    """Good enough, and one too many."""
    text = row.response if isinstance(row, SftRow) else row.rejected
    detail = "the target was reached with better ones"
    return Rejected(row=row.id, rule="beyond target", detail=detail, text=text, parents=(row.id,))


def still_wanted(
    found: dict[Branch, int], candidates: int, branches: Sequence[Branch], recipe: Recipe
) -> tuple[list[Branch], str]:
    """The branches that need more, and why writing continues or ends; "" where there is no target."""
    config, costs = recipe.target, cost_of_a_seed(recipe)
    wanted = {"sft": config.sft_rows, "preference": config.pairs}
    short = [branch for branch in branches if found[branch] < (wanted[branch] or 0)]
    reached = ", ".join(f"{branch} {found[branch]} of {wanted[branch]}" for branch in branches if wanted[branch])
    if config.candidates is None:
        return [], ""
    if not short:
        return [], f"target reached with {candidates} candidates: {reached}"
    short = [branch for branch in short if costs[branch] <= _left(candidates, recipe)]
    if not short:
        return [], f"the {config.candidates} candidates are spent ({candidates} written): {reached}"
    return short, f"{candidates} of {config.candidates} candidates so far: {reached}"
