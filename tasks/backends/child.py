"""Start a child process properly: supervised, output to a file, a deadline, the last lines of it in the error."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Self

from tasks.backends import supervisor
from tasks.jobs import BAD_INPUT

# What a child may inherit. Everything else stays behind, tokens and passwords among it.
INHERITED = re.compile(
    r"(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|USER|LD_LIBRARY_PATH|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|NO_PROXY|no_proxy"
    r"|CUDA_\w+|NVIDIA_\w+|NCCL_\w+|OMP_\w+|OPENBLAS_\w+|PIP_(?!.*(TOKEN|PASSWORD))\w+|PREFECT_HOME|LANCE_\w+)"
)
QUIET = {"DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
TAIL_LINES = 15


class ChildFailed(RuntimeError):
    """A child ended other than it should. `retryable` is False where trying again would end the same way."""

    def __init__(self, name: str, code: int, log: Path):
        self.code = code
        self.retryable = code not in (BAD_INPUT, supervisor.DEADLINE)
        reasons = {
            BAD_INPUT: "refused its input",
            supervisor.DEADLINE: "ran past its deadline and was ended",
            supervisor.RUN_GONE: "was ended with its run",
            137: "was killed (out of memory?)",
        }
        lines = "\n".join(f"  | {line}" for line in tail(log))
        super().__init__(
            f"{name} {reasons.get(code, f'ended with exit code {code}')}. The end of its log, {log}:\n{lines}"
        )


class Child:
    """A supervised process. Use as a context manager or call `stop`; it also ends if this process is killed."""

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        *,
        env: dict[str, str] | None = None,
        lock: Path | None = None,
        deadline_s: float | None = None,
    ):
        log.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, log
        inherited = {key: value for key, value in os.environ.items() if INHERITED.fullmatch(key)}
        arguments = ["--log", str(log)]
        arguments += ["--lock", str(lock)] if lock else []
        arguments += ["--deadline", str(deadline_s)] if deadline_s else []
        self._supervisor = subprocess.Popen(
            [sys.executable, supervisor.__file__, *arguments, "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=inherited | QUIET | (env or {}),
            start_new_session=True,  # Ctrl-C at the terminal is the run's to handle
        )

    def wait_until_started(self) -> bool:
        """Block until the child runs; True if it had to wait for the device first. Raises ChildFailed."""
        assert self._supervisor.stdout
        waited = False
        for line in self._supervisor.stdout:
            if line.startswith("started"):
                return waited
            waited = True
        raise ChildFailed(self.name, self._supervisor.wait(), self.log)

    def poll(self) -> int | None:
        return self._supervisor.poll()

    def check(self) -> None:
        """Raise ChildFailed if the child has ended with anything but 0."""
        if code := self.poll():
            raise ChildFailed(self.name, code, self.log)

    def stop(self) -> None:
        """End the child and its family; returns when nobody is left."""
        assert self._supervisor.stdin and self._supervisor.stdout
        self._supervisor.stdin.close()
        self._supervisor.stdout.close()
        self._supervisor.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    # Progress bars rewrite their line with carriage returns: only what stood last counts.
    lines = [line.rpartition("\r")[2] for line in log.read_text(errors="replace").split("\n") if line.strip()]
    return lines[-TAIL_LINES:]
