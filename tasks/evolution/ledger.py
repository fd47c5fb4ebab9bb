"""An evolution's ledger: its iterations, their verdicts and artifacts, and the champion, which only a verdict moves."""

import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from tasks.evaluate.gate import Verdict
from tasks.evaluate.looks import look_of
from tasks.recipe.evaluation import GateConfig
from tasks.store.artifacts import Ref, Store
from tasks.store.shared.document import Document

FORMAT = 1
FOUND_THEN = ("seeds", "recipe", "seconds", "run", "at", "person")  # of an iteration: a later reading keeps them


class Decision(BaseModel):
    """A person's decision on a result that the gate would promote."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    decision: Literal["approve", "reject"]
    why: str
    at: str  # ISO 8601, UTC


class Iteration(BaseModel):
    """One turn of the loop. `stages` holds its artifacts by label, in the order in which they were made."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    number: int
    seeds: Ref
    champion_before: Ref
    champion_after: Ref
    candidate: Ref | None
    verdict: Verdict
    stages: dict[str, Ref]
    recipe: dict[str, Any]
    seconds: float  # of the run that made it; a later reading of it changes nothing here
    vetoes: tuple[str, ...] = ()  # rows that a person had taken out by then
    run: str  # the orchestrator's id of that run
    at: str = ""  # when it was done, ISO 8601, UTC
    person: Decision | None = None  # who approved or rejected it

    @property
    def annotated(self) -> list[Ref]:
        """What a reviewer kept, and what rules let pass: artifacts with SFT rows and pairs."""
        return [ref for label, ref in self.stages.items() if label == "annotate" or label.startswith("annotate [")]

    def decided(self, said: Decision) -> Self:
        """As the person left it; the verdict is the gate's until then."""
        words = f"{said.decision.removesuffix('e')}ed by a person{f': {said.why}' if said.why else ''}"
        if said.decision == "approve":
            verdict = self.verdict.model_copy(update={"reasons": (*self.verdict.reasons, words)})
            return self.model_copy(update={"verdict": verdict, "person": said})
        verdict = self.verdict.model_copy(update={"decision": "hold", "reasons": (words, *self.verdict.reasons)})
        return self.model_copy(update={"verdict": verdict, "person": said, "champion_after": self.champion_before})


class Rollback(BaseModel):
    """A person set the champion back, behind so many iterations."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    after: int
    model: Ref
    iteration: int  # the one that trained it, 0 for M_0
    why: str
    at: str  # ISO 8601, UTC


class Ledger(BaseModel):
    """evolutions/NAME/ledger.json, written whole each time. `format` goes up when older ones are not read any more."""

    model_config = ConfigDict(extra="forbid")
    format: int = FORMAT
    name: str
    model: str
    base: Ref | None = None  # M_0
    teaching: dict[str, Ref] = {}  # what M_0 was made with, by label
    iterations: list[Iteration] = []
    goal: int = 0  # how many were asked for last, so that a killed run adds no more than that
    rollbacks: list[Rollback] = []
    again: dict[str, list[str]] = {}  # "ITERATION/STAGE" that a person asked to redo: by the runs that did so
    looks: dict[str, int] = {}  # which gate of the evolution each was (tasks/evaluate/looks.py)
    superseded: list[Iteration] = []  # replaced by another result for the same number: kept, nothing is lost silently

    @property
    def champion(self) -> Ref | None:
        return self.champion_behind(len(self.iterations))

    def champion_behind(self, iterations: int) -> Ref | None:
        """The champion after so many iterations and what a person set back there."""
        back = [one.model for one in self.rollbacks if one.after == iterations]
        return back[-1] if back else self.iterations[iterations - 1].champion_after if iterations else self.base

    def start_of(self, number: int, config: GateConfig) -> Ref | None:
        """What iteration `number` works on: the champion; as published, the newest candidate, however it did.

        Where patience with that is at its end, it goes back to the champion, the best so far.
        """
        champion = self.champion_behind(number - 1)
        spent = config.patience is not None and self.without_promotion(number - 1) >= config.patience
        if config.policy != "paper" or number == 1 or spent or self._set_back_behind(number - 1):
            return champion
        return self.iterations[number - 2].candidate or champion

    def without_promotion(self, iterations: int) -> int:
        """How many in a row of the first so many iterations, the last of them, left the champion in place."""
        for i, one in enumerate(reversed(self.iterations[:iterations])):
            if one.champion_after != one.champion_before or self._set_back_behind(one.number):
                return i
        return min(iterations, len(self.iterations))

    def _set_back_behind(self, iterations: int) -> bool:
        return any(one.after == iterations for one in self.rollbacks)

    def taken_back(self, iterations: int) -> set[int]:
        """Of the first so many, those a person went back behind: what they wrote led to no champion in the end."""
        gone = [one for one in self.rollbacks if one.after <= iterations]
        return {number for one in gone for number in range(one.iteration + 1, one.after + 1)}

    def goal_of(self, more: int) -> int:
        """How many iterations a continuing run shall reach: what a killed one was to reach, else so many more."""
        done = len(self.iterations)
        return self.goal if self.goal > done else done + more

    def made_again(self, number: int) -> dict[str, int]:
        """How often each stage of iteration `number` was asked for again."""
        asked = {key.partition("/"): len(runs) for key, runs in self.again.items()}
        return {stage: times for (of, _, stage), times in asked.items() if of == str(number)}

    def from_stage(self, stage: str, run: str) -> Self:
        """With a stage of the last iteration to be redone; `run` asks for it once, however often it is retried.

        Raises ValueError for a stage that it does not have.
        """
        stages = self.iterations[-1].stages if self.iterations else {}
        if stage not in stages:
            raise ValueError(f"evolution {self.name!r} has no stage {stage!r} to redo; it has: {', '.join(stages)}")
        key = f"{len(self.iterations)}/{stage}"
        return self.model_copy(
            update={"again": self.again | {key: list(dict.fromkeys([*self.again.get(key, []), run]))}}
        )

    def said_of(self, result: Iteration) -> Decision | None:
        """What a person said of this very result, when it was made or after: no later run undoes that."""
        known = [*self.superseded, *self.iterations]
        same = [one.person for one in known if (one.number, _made(one)) == (result.number, _made(result))]
        return same[-1] if same else None

    def with_looks(self, store: Store, *more: Iteration) -> Self:
        """With the looks of all results, whatever became of them, and of `more`; a known one keeps its number."""
        found = (look_of(store, one.stages) for one in (*self.superseded, *self.iterations, *more))
        return self.model_copy(update={"looks": {**dict(one for one in found if one), **self.looks}})

    def put(self, iteration: Iteration) -> Self:
        """With this iteration in its place. Another result than before supersedes the old one and what grew on it."""
        position = iteration.number - 1
        assert position <= len(self.iterations), "iterations are put in order"
        if position < len(self.iterations):
            old = self.iterations[position]
            if same_result(old, iteration):
                # As it was found then, with its artifacts where they are now.
                there = iteration.model_copy(update={name: getattr(old, name) for name in FOUND_THEN})
                return self._with(position, there)
            superseded = [*self.superseded, *self.iterations[position:]]
        else:
            superseded = self.superseded
        found = {"iterations": [*self.iterations[:position], iteration], "superseded": superseded}
        return self.model_copy(update={**found, "rollbacks": [one for one in self.rollbacks if one.after <= position]})

    def _with(self, position: int, iteration: Iteration) -> Self:
        iterations = [*self.iterations[:position], iteration, *self.iterations[position + 1 :]]
        return self.model_copy(update={"iterations": iterations})

    def save(self, at: Document) -> None:
        """Raises Superseded where another run has written it since it was read there."""
        at.write(self.model_dump_json(indent=1))


def same_result(one: Iteration, other: Iteration) -> bool:
    def result(it: Iteration) -> tuple[object, ...]:
        return _made(it), it.champion_after.identity, it.verdict

    return result(one) == result(other)


def _made(one: Iteration) -> tuple[dict[str, str], str]:
    """By content: what was recomputed and came out the same is no other result. What a gate says is the verdict."""
    made = {label: ref.identity for label, ref in one.stages.items() if label != "gate"}
    return made, one.champion_before.identity


def read(at: Document) -> Ledger | None:
    """The ledger, None if there is none yet; raises ValueError for a text that is not one, or of a newer version."""
    try:
        text = at.read()
        if text is None:
            return None
        found = json.loads(text)
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise ValueError(f"its format is {found['format']}, this version's {FORMAT}: use the version that wrote it")
        return Ledger.model_validate(found)
    except ValueError as error:  # not UTF-8, not JSON, another format, not these fields
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{at}: not a ledger that this version reads ({reason}); restore it from a backup") from error
