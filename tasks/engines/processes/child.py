"""Start a child process properly: supervised, output to a file, a deadline, the last lines of it in the error."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tasks.engines.processes import supervisor
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.job import BAD_INPUT
from tasks.store.home import Home

# What a child may inherit. Everything else stays behind: tokens, passwords, and addresses that may have one in them.
INHERITED = re.compile(
    r"(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|USER|LD_LIBRARY_PATH|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|NO_PROXY|no_proxy"
    r"|CUDA_\w+|NVIDIA_\w+|NCCL_\w+|GLOO_\w+|OMP_\w+|OPENBLAS_\w+|PREFECT_HOME"
    r"|HF_HOME|HF_HUB_CACHE|HF_DATASETS_CACHE|XDG_CACHE_HOME|XDG_CONFIG_HOME|TRITON_CACHE_DIR|TORCHINDUCTOR_CACHE_DIR"
    r"|LANCE_HOME|LANCE_ROOT|LANCE_MODEL_PYTHON|LANCE_TEST_MARK)"
)
QUIET = {"DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
# A folder called `tasks` in the user's working directory is not ours: nothing is imported from the working directory.
# Files are UTF-8, whatever the locale.
PYTHON = {"PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
TAIL_LINES = 15
START = "=== "  # begins the line that each start writes into its log


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
            -9: "lost its supervisor, which was killed",
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
        device: DeviceLock | None = None,
        deadline_s: float | None = None,
    ):
        log.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, log
        self._group = 0  # the child's process group, once it runs
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{START}{time.strftime('%Y-%m-%d %H:%M:%S')} {name}\n")
        inherited = {key: value for key, value in os.environ.items() if INHERITED.fullmatch(key)}
        arguments = ["--log", str(log)]
        opened = device.opened() if device else []
        arguments += [argument for lock, queue in opened for argument in ("--lock", f"{lock},{queue}")]
        arguments += ["--deadline", str(deadline_s)] if deadline_s else []
        self._supervisor = subprocess.Popen(
            [sys.executable, "-P", supervisor.__file__, *arguments, "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=inherited | _home() | QUIET | PYTHON | (env or {}),
            pass_fds=[descriptor for pair in opened for descriptor in pair],
            start_new_session=True,  # Ctrl-C at the terminal is the run's to handle
        )

    def wait_until_started(self, on_waiting: Callable[[], None] = lambda: None) -> None:
        """Block until the child runs; `on_waiting` is called if another run has the device. Raises ChildFailed."""
        assert self._supervisor.stdout
        for line in self._supervisor.stdout:
            if line.startswith("started"):
                self._group = int(line.split()[1])
                return
            on_waiting()
        raise ChildFailed(self.name, self._supervisor.wait(), self.log)

    def poll(self) -> int | None:
        return self._supervisor.poll()

    def check(self) -> None:
        """Raise ChildFailed if the child has ended with anything but 0."""
        if code := self.poll():
            raise ChildFailed(self.name, code, self.log)

    def stop(self) -> None:
        """End the child and its family; returns when nobody is left. Any thread may call it, and more than once."""
        assert self._supervisor.stdin
        self._supervisor.stdin.close()
        if self._supervisor.wait() < 0 and self._group:
            # Killed itself, it could end nobody: vLLM's engine core would stay for good, with the device's memory.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _home() -> dict[str, str]:
    """Another HOME for libraries that keep something there, where it cannot be written to."""
    if os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111  # Path's raises where a user has none
        return {}
    instead = Home.here().caches / "home"
    instead.mkdir(parents=True, exist_ok=True)
    return {"HOME": str(instead)}


def tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    # Progress bars rewrite their line with carriage returns: only what stood last counts.
    # Of the last start only.
    content = log.read_bytes().decode(errors="replace")  # as text, Python would make line ends of carriage returns
    text = f"\n{content}".rpartition(f"\n{START}")[2].partition("\n")[2]
    lines = [line.rpartition("\r")[2] for line in text.split("\n") if line.strip()]
    return lines[-TAIL_LINES:]
