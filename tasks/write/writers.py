"""Write: new instructions from low seeds, answers to them; flawed and ordinary responses from high seeds.

Each writer turns rows into calls, and the calls' answers into Written rows that know their seed and parent.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tasks.engines.calls import Answer, Call, Messages, chat
from tasks.recipe.data import WriteConfig
from tasks.recipe.verification import VerifyConfig
from tasks.store.rows import History, Seed, Written, digest, sampling_seed
from tasks.store.verified import Question
from tasks.text.flaws import in_turn, request
from tasks.text.prompts import templates as prompts

VERSION = 3  # 3: a seed has its kinds of flaw wherever it is in the list
EXAMPLES = prompts.examples()


def _shown_examples() -> Messages:
    """A system message, then the examples as turns of the chat."""
    asked = {instruction: prompts.render("new_instruction", instruction=instruction) for instruction, _ in EXAMPLES}
    system = "You write tasks for an assistant. You write one task and nothing else."
    turns = [turn for instruction, better in EXAMPLES for turn in chat(asked[instruction], better)[1:]]
    return (*chat("", system=system)[:1], *turns)


class Writer(ABC):
    """One kind of text, by one model, in one iteration. Subclasses say which prompts and what becomes of the answer."""

    used_prompts: ClassVar[tuple[str, ...]] = ()
    opening: Messages = chat("")[:1]  # what comes before the request, the same for all of them

    def __init__(self, config: WriteConfig, author: str, iteration: int, evolution_seed: int, round: int = 1):
        self.config, self.author, self.iteration, self.evolution_seed = config, author, iteration, evolution_seed
        self.draws = range((round - 1) * self.count, round * self.count)  # a later round continues counting

    def calls(self, rows: Sequence[Any]) -> list[Call]:
        return [
            Call(
                kind="write",
                row=f"{row.id}/{draw}",
                messages=(
                    *self.opening,
                    *self.shown(row, draw),
                    *chat(self.instruction(row, draw), history=self.history(row))[1:],
                ),
                max_new_tokens=self.config.max_new_tokens,
                temperature=self.config.temperature,
                top_p=1.0 if self.config.min_p else self.config.top_p,
                min_p=self.config.min_p,
                seed=sampling_seed(self.evolution_seed, self.iteration, type(self).__name__, row.id, draw),
            )
            for row in rows
            for draw in self.draws
        ]

    def rows(self, rows: Sequence[Any], calls: Sequence[Call], answers: Sequence[Answer]) -> list[Written]:
        sources = {row.id: row for row in rows}
        written = []
        for call, answer in zip(calls, answers, strict=True):
            source, _, draw = call.row.partition("/")
            row = sources[source]
            written.append(
                Written(
                    **self.fields(row, answer.text.strip(), int(draw)),
                    history=row.history,
                    iteration=self.iteration,
                    draw=int(draw),
                    author=self.author,
                    prompt=digest(call.messages)[:16],
                    finish=answer.finish,
                    new_tokens=answer.new_tokens,
                    parents=(row.id,),
                )
            )
        return written

    def history(self, row: Any) -> History:
        """The turns before the request."""
        return tuple(row.history)

    def shown(self, row: Any, draw: int) -> Messages:
        """Turns that show how it is done, before the history; no training row holds them."""
        return ()

    @property
    @abstractmethod
    def count(self) -> int:
        """Texts for each row in one round."""

    @abstractmethod
    def instruction(self, row: Any, draw: int) -> str:
        """What the model is told."""

    @abstractmethod
    def fields(self, row: Any, text: str, draw: int) -> dict[str, Any]:
        """The written row's own fields."""


class InstructionWriter(Writer):
    """From a low seed: new instructions of the same theme or form."""

    used_prompts = ("new_instruction", "examples")
    opening = _shown_examples()

    def history(self, row: Seed) -> History:
        return ()  # of the seed's conversation only the last question is asked for anew; it is answered within it

    @property
    def count(self) -> int:
        return self.config.instructions_per_low_seed

    def instruction(self, row: Seed, draw: int) -> str:
        return prompts.render("new_instruction", instruction=row.instruction)

    def fields(self, row: Seed, text: str, draw: int) -> dict[str, Any]:
        return {"branch": "low", "seed": row.id, "instruction": tidy(text)}


class AnswerWriter(Writer):
    """To a new instruction: answers, asked for as a user would ask."""

    @property
    def count(self) -> int:
        return self.config.answers_per_instruction

    def instruction(self, row: Written, draw: int) -> str:
        return row.instruction

    def fields(self, row: Written, text: str, draw: int) -> dict[str, Any]:
        return {"branch": "low", "seed": row.seed, "instruction": row.instruction, "response": text}


class FlawedWriter(Writer):
    """To a high seed's instruction: responses with a flaw, the kinds in turn, beginning with another for each seed."""

    used_prompts = ("flawed",)

    @property
    def count(self) -> int:
        return self.config.flawed_per_high_seed

    def instruction(self, row: Seed, draw: int) -> str:
        return request(row.instruction, self._flaw(row, draw))

    def fields(self, row: Seed, text: str, draw: int) -> dict[str, Any]:
        flaw = self._flaw(row, draw)
        return {"branch": "high", "seed": row.id, "instruction": row.instruction, "response": text, "flaw": flaw}

    def _flaw(self, row: Seed, draw: int) -> str:
        # Not by its place in the list: another threshold would move it, and all flawed text would be written again.
        return in_turn(int(row.id[-8:], 16) + draw)


class OrdinaryWriter(Writer):
    """To a high seed's instruction: responses without a flaw asked for, some of which will turn out badly."""

    @property
    def count(self) -> int:
        return self.config.ordinary_per_high_seed

    def instruction(self, row: Seed, draw: int) -> str:
        return row.instruction

    def fields(self, row: Seed, text: str, draw: int) -> dict[str, Any]:
        return {"branch": "high", "seed": row.id, "instruction": row.instruction, "response": text}


class SampleWriter(Writer):
    """To a question that rules can check: many answers that differ, so that some are right and some are not.

    Half of the answers to a question with an example see it: of a kind that the model rarely meets by itself, some do.
    """

    def __init__(
        self,
        config: VerifyConfig,
        author: str,
        iteration: int,
        evolution_seed: int,
        example_of: Callable[[Question], tuple[str, str] | None],
    ):
        self.samples, self.example_of = config.samples, example_of
        sampled = WriteConfig(**config.model_dump(include={"max_new_tokens", "temperature", "min_p"}))
        super().__init__(sampled, author, iteration, evolution_seed)

    @property
    def count(self) -> int:
        return self.samples

    def shown(self, row: Question, draw: int) -> Messages:
        example = self.example_of(row) if draw % 2 else None
        return chat(*example)[1:] if example else ()

    def instruction(self, row: Question, draw: int) -> str:
        return row.instruction

    def fields(self, row: Question, text: str, draw: int) -> dict[str, Any]:
        return {"branch": "low", "seed": row.seed, "instruction": row.instruction, "response": text}


WRITERS: dict[str, type[Writer]] = {
    "instructions": InstructionWriter,
    "answers": AnswerWriter,
    "flawed": FlawedWriter,
    "ordinary": OrdinaryWriter,
}


def tidy(text: str) -> str:
    """An instruction without the quotes and the heading that models put around it."""
    head, colon, rest = text.partition(":")
    if colon and head.strip("*# ").lower() in ("new instruction", "instruction", "better instruction", "task"):
        bold = head.startswith("**") and not rest.startswith("**")  # the whole of it, and not the heading alone
        text = rest.strip().removesuffix("**" if bold else "").removeprefix("**").strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2:
        text = text[1:-1].strip()
    return text
