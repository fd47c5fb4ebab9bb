"""One reader of seed files under coverage-guided fuzzing: started by tests.bench.fuzz, in a process of its own.

    python -m tests.bench.fuzz.reader ENDING FOLDER SECONDS

FOLDER keeps what reached new code. Ends with libFuzzer's figures, or with the input that did what no input may do.
"""

import sys
from pathlib import Path
from typing import Any

import atheris  # not in the locks: pip install atheris

with atheris.instrument_imports(include=["tasks.seeds", "tasks.text"]):
    from tasks.recipe.data import ReadingConfig
    from tasks.seeds.reading import CUT, DROPS, REPAIRS, read

MOST_BYTES, MOST_MIB = 4096, 1024


class Reader:
    def __init__(self, file: Path):
        self.file = file

    def __call__(self, content: bytes) -> None:
        """All rows come out as seeds, rejects or left out, or the file is refused in words."""
        self.file.write_bytes(content)
        counts: list[int] = []
        config = ReadingConfig(malformed_share=(len(content) % 3) / 2)
        refused, found = None, None
        try:
            found = read(self.file, config, counts.append)
        except ValueError as error:
            refused = error
        if refused is not None:
            said = str(refused)
            assert type(refused) is ValueError and self.file.name in said, repr(refused)
            assert "expected" in said or "are no seeds; reading.malformed_share" in said, said
        if found is not None:
            dropped = [reject for reject in found.rejects if reject.rule in DROPS]
            assert found.rows_read == len(found.seeds) + len(dropped) + found.left_out == counts[-1]
            assert {reject.rule for reject in found.rejects} <= {*DROPS, *REPAIRS, CUT}


def main() -> None:
    ending, folder, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    bounds: list[Any] = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-rss_limit_mb={MOST_MIB}"]
    own = ["-timeout=20", "-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={folder.parent}/"]
    atheris.Setup([sys.argv[0], *bounds, *own, str(folder)], Reader(folder.parent / f"input{ending}"))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
