"""The champion: which model of an evolution is the one to use, since when and why; from the ledger alone.

champion.json says so to whatever deploys it. It is written whole, behind the ledger, each time that changes: killed in
between, it names the champion before, and the next run or `lance champion` sets it right.
"""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.evolution.ledger import Ledger, Rollback
from tasks.store.artifacts import Ref, Store
from tasks.store.files import write_atomically
from tasks.store.home import Home
from tasks.store.shared.document import Document


class Step(BaseModel):
    """A model that became the champion. `iteration` is the one that trained it, 0 for M_0."""

    model_config = ConfigDict(frozen=True)
    model: Ref
    iteration: int
    since: str  # ISO 8601, UTC
    by: str  # "start", "gate" or "person"
    reasons: tuple[str, ...]


class Champion(BaseModel):
    """champion.json: `history` from M_0 on, its last step the champion; `path` is where that lies."""

    evolution: str
    path: str
    history: tuple[Step, ...]

    @property
    def now(self) -> Step:
        return self.history[-1]


def history(ledger: Ledger) -> list[Step]:
    """Raises ValueError for an evolution that has not begun."""
    if ledger.base is None:
        raise ValueError(f"evolution {ledger.name!r} has no champion: it has no starting model yet")
    steps = [Step(model=ledger.base, iteration=0, since="", by="start", reasons=("the starting model",))]
    trained = {ledger.base.digest: 0} | {one.candidate.digest: one.number for one in ledger.iterations if one.candidate}
    for number in range(len(ledger.iterations) + 1):
        if number:
            one = ledger.iterations[number - 1]
            if one.champion_after != one.champion_before:
                found = trained[one.champion_after.digest]
                reasons = one.verdict.reasons
                steps.append(Step(model=one.champion_after, iteration=found, since=one.at, by="gate", reasons=reasons))
        for back in (back for back in ledger.rollbacks if back.after == number):
            steps.append(
                Step(model=back.model, iteration=back.iteration, since=back.at, by="person", reasons=(back.why,))
            )
    return steps


def keep(home: Home, ledger: Ledger, at: Document) -> Champion:
    """Save the ledger where it was read, then write champion.json: so that it names none that no ledger knows."""
    ledger.save(at)
    return write(home.champion(ledger.name), home.store, ledger)


def write(file: Path, store: Path, ledger: Ledger) -> Champion:
    """Write champion.json as the ledger has it, if that is not what it says."""
    steps = history(ledger)
    found = Champion(evolution=ledger.name, path=str(folder(store, steps[-1].model)), history=tuple(steps))
    text = found.model_dump_json(indent=1)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write_atomically(file, text)
    return found


def folder(store: Path, model: Ref) -> Path:
    return Store(store).path(model)


def roll_back(ledger: Ledger, iteration: int | None, why: str) -> Ledger:
    """The ledger with the champion set back: to that of an iteration (0: M_0), or to the one before.

    Raises ValueError where there is no such champion, or it is the champion already.
    """
    steps = history(ledger)
    wanted = [step for step in steps if step.iteration == iteration] if iteration is not None else steps[:-1][-1:]
    if not wanted:
        known = ", ".join(str(number) for number in dict.fromkeys(step.iteration for step in steps))
        raise ValueError(
            f"evolution {ledger.name!r} has had no champion of iteration {iteration}; it has had those of: {known}"
            if iteration is not None
            else f"evolution {ledger.name!r} has had no other champion than this one to go back to"
        )
    if wanted[-1].model == steps[-1].model:
        raise ValueError(f"iteration {wanted[-1].iteration}'s model is the champion of {ledger.name!r} already")
    back = Rollback(
        after=len(ledger.iterations), model=wanted[-1].model, iteration=wanted[-1].iteration, why=why, at=now()
    )
    return ledger.model_copy(update={"rollbacks": [*ledger.rollbacks, back]})


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
