"""A port of this machine that is still free when a server binds it half a minute later."""

import contextlib
import random
import socket
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
CHOICE = 12_000  # below those that the kernel gives to whoever connects
TRIES = 100
ANY = 0  # the kernel's choice


def free_port() -> int:
    """Below the kernel's own range: from there, any connection may take it while the server is being imported.

    Where that range leaves none free, one from there; raises OSError where there is none either.
    """
    first = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else 32_768
    below = range(max(1024, first - CHOICE), first)
    for port in [*random.SystemRandom().sample(below, min(TRIES, len(below))), ANY]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no port of this machine is free")
