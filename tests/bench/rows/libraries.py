"""Near duplicates of a file of texts by one library, in an environment that has it; prints which texts it takes out.

    PYTHON libraries.py rensa|datasketch|datatrove TEXTS.jsonl          (rows with `id`, a number, and `text`)

Nothing of the project is imported here. rensa and datasketch by their LSH at a Jaccard index of 0.4, of words and pairs
of neighbours, as an index as low goes with a ROUGE-L of 0.7; datatrove as its own example: runs of five words, 14
buckets of 8 hashes.
"""

import contextlib
import itertools
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HASHES, JACCARD = 128, 0.4
CORES = os.cpu_count() or 1


def texts(file: Path) -> Iterator[list[str]]:
    """Words and pairs of neighbours of each text."""
    with file.open(encoding="utf-8") as rows:
        for row in rows:
            words = re.findall(r"\w+", json.loads(row)["text"].lower())
            yield [*words, *(" ".join(two) for two in itertools.pairwise(words))]


def rensa(file: Path) -> list[int]:
    from rensa import RMinHash, RMinHashDeduplicator

    known, gone = RMinHashDeduplicator(JACCARD, HASHES, use_lsh=True, seed=1), list[int]()
    for number, tokens in enumerate(texts(file)):
        signature = RMinHash(num_perm=HASHES, seed=1)
        signature.update(tokens)
        if known.is_duplicate(str(number), signature):
            gone.append(number)
        else:
            known.add(str(number), signature)
    return gone


def datasketch(file: Path) -> list[int]:
    from datasketch import MinHash, MinHashLSH

    known, gone = MinHashLSH(threshold=JACCARD, num_perm=HASHES), list[int]()
    for number, tokens in enumerate(texts(file)):
        signature = MinHash(num_perm=HASHES)
        signature.update_batch([token.encode() for token in tokens])
        if known.query(signature):
            gone.append(number)
        else:
            known.insert(number, signature)
    return gone


def datatrove(file: Path) -> list[int]:
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter

    with tempfile.TemporaryDirectory() as folder:
        config = MinhashConfig()
        names = ("parts", "signatures", "buckets", "gone", "left")
        parts, signatures, buckets, gone, left = (f"{folder}/{name}" for name in names)
        Path(parts).mkdir()
        with contextlib.ExitStack() as opened:  # a task, which is a process, reads whole files
            outs = [opened.enter_context(Path(parts, f"{part}.jsonl").open("w")) for part in range(CORES)]
            for row, out in zip(opened.enter_context(file.open()), itertools.cycle(outs)):
                out.write(row)
        reader = JsonlReader(parts)
        steps = [
            ([reader, MinhashDedupSignature(signatures, config)], CORES),
            ([MinhashDedupBuckets(signatures, buckets, config=config)], config.num_buckets),
            ([MinhashDedupCluster(buckets, gone, config=config)], 1),
            ([reader, MinhashDedupFilter(gone), JsonlWriter(left, compression=None)], CORES),
        ]
        for number, (pipeline, tasks) in enumerate(steps):
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=CORES, logging_dir=f"{folder}/logs-{number}").run()
        kept = {json.loads(row)["id"] for path in Path(left).iterdir() for row in path.read_text().splitlines()}
    with file.open(encoding="utf-8") as rows:
        return [int(one) for row in rows if (one := json.loads(row)["id"]) not in kept]


if __name__ == "__main__":
    print(
        json.dumps({"rensa": rensa, "datasketch": datasketch, "datatrove": datatrove}[sys.argv[1]](Path(sys.argv[2])))
    )
