"""A port of this machine that is still free when a server binds it half a minute later."""

import random
import socket
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
CHOICE = 12_000  # below those that the kernel gives to whoever connects
TRIES = 100


def free_port() -> int:
    """Below the kernel's own range: from there, any connection may take it while the server is being imported.

    Raises OSError where none of a hundred is free.
    """
    first = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else 32_768
    for port in random.SystemRandom().sample(range(max(1024, first - CHOICE), first), TRIES):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of {TRIES} ports below {first} is free on this machine")
