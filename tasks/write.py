"""Write: new instructions from low seeds, answers to them, and flawed responses from high seeds."""

from collections.abc import Sequence

from tasks import prompts
from tasks.calls import Answer, Call, chat, sampling_seed
from tasks.config import WriteConfig
from tasks.records import Seed, Written, digest

VERSION = 1
PROMPTS = {"instructions": ("new_instruction",), "answers": (), "flawed": ("flawed",)}
# What a flawed response is asked for; its name stays with the row for life.
FLAWS = {
    "wrong": "states something wrong",
    "misleading": "misleads the reader in an important point",
    "badly put": "is badly organised and hard to follow",
    "incomplete": "leaves out what matters most",
}


class Writer:
    """Makes calls and rows for one model in one iteration."""

    def __init__(self, config: WriteConfig, author: str, iteration: int, evolution_seed: int):
        self.config, self.author, self.iteration = config, author, iteration
        self.evolution_seed = evolution_seed

    def instruction_calls(self, low: Sequence[Seed]) -> list[Call]:
        n = self.config.instructions_per_low_seed
        return [
            self._call(f"{seed.id}/{i}", prompts.render("new_instruction", instruction=seed.instruction))
            for seed in low
            for i in range(n)
        ]

    def instructions(self, low: Sequence[Seed], calls: Sequence[Call], answers: Sequence[Answer]) -> list[Written]:
        seeds = {seed.id: seed for seed in low}
        return [
            self._row(call, answer, branch="low", seed=seeds[_of(call)].id, instruction=tidy(answer.text))
            for call, answer in zip(calls, answers, strict=True)
        ]

    def answer_calls(self, instructions: Sequence[Written]) -> list[Call]:
        n = self.config.answers_per_instruction
        return [self._call(f"{row.id}/{i}", row.instruction) for row in instructions for i in range(n)]

    def answers(self, instructions: Sequence[Written], calls: Sequence[Call], answers: Sequence[Answer]) -> list[Written]:
        rows = {row.id: row for row in instructions}
        return [
            self._row(
                call,
                answer,
                branch="low",
                seed=rows[_of(call)].seed,
                instruction=rows[_of(call)].instruction,
                response=answer.text.strip(),
            )
            for call, answer in zip(calls, answers, strict=True)
        ]

    def flawed_calls(self, high: Sequence[Seed]) -> list[Call]:
        return [
            self._call(f"{seed.id}/{flaw}/{i}", prompts.render("flawed", instruction=seed.instruction, flaw=FLAWS[flaw]))
            for position, seed in enumerate(high)
            for i, flaw in enumerate(self._flaws(position))
        ]

    def flawed(self, high: Sequence[Seed], calls: Sequence[Call], answers: Sequence[Answer]) -> list[Written]:
        seeds = {seed.id: seed for seed in high}
        return [
            self._row(
                call,
                answer,
                branch="high",
                seed=_of(call),
                instruction=seeds[_of(call)].instruction,
                response=answer.text.strip(),
                flaw=call.row.split("/")[1],
            )
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _flaws(self, position: int) -> list[str]:
        """The kinds in turn, beginning with another one for each seed."""
        names = list(FLAWS)
        return [names[(position + i) % len(names)] for i in range(self.config.flawed_per_high_seed)]

    def _call(self, row: str, instruction: str) -> Call:
        return Call(
            kind="write",
            row=row,
            messages=chat(instruction),
            max_new_tokens=self.config.max_new_tokens,
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            seed=sampling_seed(self.evolution_seed, self.iteration, row),
        )

    def _row(self, call: Call, answer: Answer, **fields: object) -> Written:
        return Written(
            **fields,  # type: ignore[arg-type]
            iteration=self.iteration,
            draw=int(call.row.rpartition("/")[2]),
            author=self.author,
            prompt=digest(call.messages)[:16],
            finish=answer.finish,
            new_tokens=answer.new_tokens,
            parents=(_of(call),),
        )


def tidy(text: str) -> str:
    """An instruction without the quotes and the heading that models put around it."""
    text = text.strip()
    head, colon, rest = text.partition(":")
    if colon and head.strip("*# ").lower() in ("new instruction", "instruction", "better instruction", "task"):
        text = rest.strip("* \n")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text


def _of(call: Call) -> str:
    """The id of the row that the call was made for."""
    return call.row.split("/")[0]


