"""Machines on this one: each has a network of its own and sees no folder that is another's. Needs root and iproute2."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BRIDGE, NETWORK = "lance-test", "10.213.7"


@dataclass(frozen=True)
class Apart:
    """A namespace whose processes see `hidden` folders empty."""

    name: str
    number: int
    hidden: tuple[Path, ...]

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    def command(self, *command: str) -> list[str]:
        """As it is started there."""
        empty = "; ".join(f"mount -t tmpfs none '{folder}'" for folder in self.hidden) or ":"
        inside = ["sh", "-c", f'{empty}; hostname {self.name}; exec "$@"', "sh", *command]
        return ["ip", "netns", "exec", self.name, "unshare", "--mount", "--uts", *inside]


@contextmanager
def apart(machines: Sequence[Apart]) -> Iterator[None]:
    """With a cable from each to a switch that this machine is at, too. Raises CalledProcessError without the rights."""
    try:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{NETWORK}.254/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for one in machines:
            _ip("netns", "add", one.name)
            inside = ["-n", one.name]
            _ip("link", "add", f"{one.name}-c", "type", "veth", "peer", "name", "eth0", "netns", one.name)
            _ip("link", "set", f"{one.name}-c", "master", BRIDGE, "up")
            _ip(*inside, "addr", "add", f"{one.address}/24", "dev", "eth0")
            _ip(*inside, "link", "set", "eth0", "up")
            _ip(*inside, "link", "set", "lo", "up")
        yield
    finally:
        for one in machines:
            subprocess.run(["ip", "netns", "del", one.name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)


def _ip(*what: str) -> None:
    subprocess.run(["ip", *what], check=True, capture_output=True, env=os.environ)
