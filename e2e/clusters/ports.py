"""Free loopback ports for servers that must be told theirs before they start."""

from __future__ import annotations

import random
import socket

FIRST_PORT = 20_000
LAST_PORT = 31_999
"""Below Linux's range for outgoing connections (32768 up): a server that is stopped and started
again must find its port free, and an outgoing connection could have taken it meanwhile."""

ATTEMPTS = 500

_random = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return that many different ports that nothing is bound to on loopback."""
    held: list[socket.socket] = []
    try:
        for _ in range(ATTEMPTS):
            if len(held) == count:
                break
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", _random.randint(FIRST_PORT, LAST_PORT)))
            except OSError:
                candidate.close()
                continue
            held.append(candidate)
        ports = [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
    if len(ports) < count:
        raise OSError(f"no {count} free loopback ports between {FIRST_PORT} and {LAST_PORT}")
    return ports


def is_bound(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
