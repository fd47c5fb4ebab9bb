"""What a trainer is given: rows in TRL's conversational form, as plain text, and none that is too long."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from accelerate import PartialState
from datasets import Dataset, load_from_disk

from tasks.engines.calls import Messages, chat
from tasks.engines.processes.job import Job
from tasks.store.rows import SYSTEM, Rejected
from tasks.train.jobs.plain_chat import PlainChat

TARGETS = {"sft": {"completion": "response"}, "dpo": {"chosen": "chosen", "rejected": "rejected"}}


def dataset(method: str, path: Path, chat_of: PlainChat) -> Dataset:
    """TRL's conversational form, in the one chat format: prompt with completion, or with chosen and rejected."""
    rows, targets = pq.read_table(path).to_pylist(), TARGETS[method]
    return Dataset.from_list(
        [
            {"prompt": list(chat_of.messages(_prompt(row)))}
            | {column: list(chat_of.messages(chat("", row[field])[-1:])) for column, field in targets.items()}
            for row in rows
        ]
    )


def shared(rows: Dataset, folder: Path, together: PartialState) -> Dataset:
    """In a file that all processes of a machine read: beside it TRL's first one leaves what the others look for.

    Of rows in memory it is a folder that each process makes for itself, and DPO on two ended with FileNotFoundError.
    """
    if together.is_local_main_process:
        rows.save_to_disk(str(folder))
    together.wait_for_everyone()
    return load_from_disk(str(folder))


def _prompt(row: dict[str, Any]) -> Messages:
    return chat(row["instruction"], system=row.get("system", SYSTEM), history=tuple(row["history"]))


def tokens(rows: Dataset, chat: PlainChat) -> list[list[int]]:
    """How many tokens each row's texts have, prompt included: one text for SFT, two for a pair."""
    targets = [column for column in rows.column_names if column != "prompt"]
    counts = chat.lengths([[*row["prompt"], *row[target]] for row in rows for target in targets])
    return [counts[i : i + len(targets)] for i in range(0, len(counts), len(targets))]


def without_long(rows: Dataset, counts: list[list[int]], job: Job) -> tuple[Dataset, list[Rejected]]:
    """The rows that fit, and the others with their reason.

    TRL would cut them: what is trained on then ends anywhere, and a row whose prompt alone is too long is dropped.
    """
    most = job.given["config"]["max_tokens"]
    fit = [i for i, count in enumerate(counts) if max(count) <= most]
    ids = pq.read_table(job.given["rows"], columns=["id"]).column("id").to_pylist()
    rejects = [
        Rejected(
            row=ids[i],
            rule="too long to train on",
            detail=f"{max(count)} tokens, expected at most {most} (max_tokens)",
            text=rows[i]["prompt"][-1]["content"],
            parents=(ids[i],),
        )
        for i, count in enumerate(counts)
        if max(count) > most
    ]
    return rows.select(fit), rejects
