"""IFEval without a download and without chance: only prompts whose checks need neither. Runs in the model environment.

deployments/benchmarks/ifeval_offline.yaml names these functions; the checks are lm-evaluation-harness's own.
"""

from string import ascii_letters
from typing import Any
from unittest.mock import patch

import langdetect
import nltk
from datasets import Dataset

# When imported, the harness's module looks for punkt_tab and downloads it if it is not there.
with patch.object(nltk.data, "find"), patch.object(nltk, "download"):
    from lm_eval.tasks.ifeval import utils

langdetect.DetectorFactory.seed = 0  # or a text's language is a matter of chance

NEED_PUNKT = {"length_constraints:number_sentences", "change_case:capital_word_frequency"}


def checkable(rows: Dataset) -> Dataset:
    return rows.select([i for i, row in enumerate(rows) if _is_checkable(row)])


def _is_checkable(row: dict[str, Any]) -> bool:
    # Two prompts count "#" or "!"; for what is no letter, the harness draws one anew at each check.
    letters = {arguments.get("letter") or "a" for arguments in row["kwargs"]}
    return letters <= set(ascii_letters) and not NEED_PUNKT & set(row["instruction_id_list"])


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = utils.process_results(doc, results)
    return found


def share(items: list[list[bool]]) -> float:
    """Of all instructions, those followed."""
    return float(utils.agg_inst_level_acc(items))
