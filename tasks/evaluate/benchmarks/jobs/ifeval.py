"""IFEval (arXiv 2311.07911), whole, without a download and without chance. Runs in the model environment.

deployments/benchmarks/ifeval_offline.yaml names these functions. The checks are lm-evaluation-harness's own; sentences
are counted as ours count them, in place of a tokenizer that has to be fetched.
"""

import random
from typing import Any
from unittest.mock import patch

import langdetect
import nltk

# When imported, the harness's module looks for punkt_tab and downloads it if it is not there.
with patch.object(nltk.data, "find"), patch.object(nltk, "download"):
    from lm_eval.tasks.ifeval import instructions_util, utils

from tasks.verify.checks.counting import sentences

langdetect.DetectorFactory.seed = 0  # or a text's language is a matter of chance
instructions_util.count_sentences = lambda text: len(sentences(text))
nltk.word_tokenize = nltk.tokenize.NLTKWordTokenizer().tokenize  # without the sentences, which it needs punkt for

# IFEval's names of the kinds that are trained on (tasks/verify/questions/constraints.yaml).
TRAINED = frozenset(
    {
        "change_case:english_capital",
        "change_case:english_lowercase",
        "detectable_format:number_bullet_lists",
        "detectable_format:title",
        "keywords:existence",
        "keywords:forbidden_words",
        "length_constraints:number_words",
        "punctuation:no_comma",
        "startend:end_checker",
        "startend:quotation",
    }
)


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """The harness's metrics, and of the strict ones the kinds that are trained on and the others apart."""
    random.seed(doc["key"])  # for what is no letter ("#", "!"), the harness draws one anew at each check
    found: dict[str, Any] = utils.process_results(doc, results)
    of_kind = list(zip(doc["instruction_id_list"], found["inst_level_strict_acc"], strict=True))
    found["trained_kinds"] = [followed for kind, followed in of_kind if kind in TRAINED]
    found["other_kinds"] = [followed for kind, followed in of_kind if kind not in TRAINED]
    return found


def share(items: list[list[bool]]) -> float:
    """Of all instructions, those followed."""
    flat = [followed for item in items for followed in item]
    return sum(flat) / len(flat) if flat else 0.0
