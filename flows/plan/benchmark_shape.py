"""What a benchmark asks one model, without the harness: from its task's YAML and the file of its items."""

from collections.abc import Iterator
from typing import Any

from flows.plan.workload import MEAN_TOKENS_PER_WORD, TEMPLATE_TOKENS, Workload
from tasks.evaluate.benchmarks.own_task import OwnTask
from tasks.evaluate.benchmarks.requests import DEFAULT_NEW_TOKENS, SHIPPED
from tasks.recipe.evaluation import Benchmark
from tasks.seeds.files import read_rows
from tasks.seeds.formats.raw import RawRow
from tasks.store.home import user_path
from tasks.text.words import length


def asks(benchmark: Benchmark) -> Workload | None:
    """At most: a task may leave items out. None where the task or its items are not here, or its choices unknown."""
    file = benchmark.file or SHIPPED / f"{benchmark.task}.yaml"
    if not file.is_file():
        return None
    own = OwnTask(file)
    task = own.config
    rows: list[dict[str, Any]] = [row.values for row in _rows(benchmark, own)][: benchmark.items]
    kind, choices_at, text_at = (str(task.get(key)) for key in ("output_type", "doc_to_choice", "doc_to_text"))
    if not rows or not (kind == "generate_until" or (kind == "multiple_choice" and choices_at in rows[0])):
        return None
    shots = task.get("num_fewshot", 0) if benchmark.shots is None else benchmark.shots
    asked = [TEMPLATE_TOKENS + _tokens(row.get(text_at, row)) * (1 + shots) for row in rows]
    if kind == "multiple_choice":  # each with the question before it
        choices = [[_tokens(choice) for choice in row[choices_at]] for row in rows]
        read = sum(len(found) * question + sum(found) for question, found in zip(asked, choices, strict=True))
        return Workload(benchmark.axis, readings=sum(map(len, choices)), read_tokens=round(read))
    of_the_task = task.get("generation_kwargs", {}).get("max_gen_toks", DEFAULT_NEW_TOKENS)
    new = len(rows) * min(of_the_task, benchmark.max_new_tokens or of_the_task)
    return Workload(benchmark.axis, texts=len(rows), written_tokens=new, read_tokens=round(sum(asked)))


def _rows(benchmark: Benchmark, own: OwnTask) -> Iterator[RawRow]:
    """Of the benchmark's own data, or of the files that the task names; none if none of them is here."""
    for path in [user_path(benchmark.data)] if benchmark.data else own.data_of(str(own.config.get("test_split"))):
        for row in read_rows(path):
            if row.problem:
                raise ValueError(f"{row.where}: {row.problem}")
            yield row


def _tokens(text: object) -> float:
    return MEAN_TOKENS_PER_WORD * length(str(text))
