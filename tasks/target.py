"""Target: exactly so many rows of each kind, the best of those accepted; and whether writing goes on."""

from collections.abc import Sequence
from typing import TypeVar

from tasks.config import Branch, TargetConfig
from tasks.examples import PreferencePair, SftRow
from tasks.records import Rejected

R = TypeVar("R", SftRow, PreferencePair)


def best(rows: Sequence[R], wanted: int | None, worth: Sequence[float]) -> tuple[list[R], list[R]]:
    """`wanted` rows of the highest worth in their own order, all of them without a target; and the rest."""
    ranked = sorted(range(len(rows)), key=lambda i: (-worth[i], rows[i].id))
    taken = set(ranked[:wanted])
    return [row for i, row in enumerate(rows) if i in taken], [row for i, row in enumerate(rows) if i not in taken]


def left_over(row: SftRow | PreferencePair) -> Rejected:
    """Good enough, and one too many."""
    text = row.response if isinstance(row, SftRow) else row.rejected
    detail = "the target was reached with better ones"
    return Rejected(row=row.id, rule="beyond target", detail=detail, text=text, parents=(row.id,))


def still_wanted(
    found: dict[Branch, int], candidates: int, branches: Sequence[Branch], config: TargetConfig
) -> tuple[list[Branch], str]:
    """The branches that have to go on writing, and why writing goes on or ends; "" where there is no target."""
    wanted = {"sft": config.sft_rows, "preference": config.pairs}
    short = [branch for branch in branches if found[branch] < (wanted[branch] or 0)]
    reached = ", ".join(f"{branch} {found[branch]} of {wanted[branch]}" for branch in branches if wanted[branch])
    if config.candidates is None:
        return [], ""
    if not short:
        return [], f"target reached with {candidates} candidates: {reached}"
    if candidates >= config.candidates:
        return [], f"all {config.candidates} candidates spent ({candidates} written): {reached}"
    return short, f"{candidates} of {config.candidates} candidates so far: {reached}"
