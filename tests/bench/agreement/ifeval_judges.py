"""What lm-evaluation-harness's IFEval checks say of replies; in the model environment, JSON in and out.

In: {"prompts": [row of IFEval], "replies": [text]}. Out: for each prompt a list of true and false, one an instruction.
"""

import json
import sys

from tasks.evaluate.benchmarks.jobs.ifeval import process_results


def main() -> None:
    given = json.load(sys.stdin)
    both = zip(given["prompts"], given["replies"], strict=True)
    json.dump([process_results(prompt, [reply])["inst_level_strict_acc"] for prompt, reply in both], sys.stdout)


if __name__ == "__main__":
    main()
