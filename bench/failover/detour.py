"""Asks a service the way users do and straight, in turn, and says what the detour costs.

    python -m bench.failover.detour ADDRESS PORT DIRECT-ADDRESS DIRECT-PORT COUNT

It prints the median of the differences and their quartiles (ms): as both ways are measured at
the same time, a machine that is busy otherwise disturbs both alike.
"""

from __future__ import annotations

import socket
import statistics
import sys
import time

TIMEOUT_S = 2.0
REQUEST = b"GET / HTTP/1.1\r\nHost: detour\r\nConnection: close\r\n\r\n"


def request_ms(address: str, port: int) -> float:
    """Return how long one request takes, with its connection, ms."""
    start = time.monotonic_ns()
    with socket.create_connection((address, port), TIMEOUT_S) as sock:
        sock.sendall(REQUEST)
        while sock.recv(4096):
            pass
    return (time.monotonic_ns() - start) / 1e6


def quartiles(differences: list[float]) -> list[float]:
    """Return the median, then the lower and the upper quartile."""
    low, middle, high = statistics.quantiles(differences, n=4)
    return [round(value, 3) for value in (middle, low, high)]


def main() -> None:
    """Ask, and print."""
    address, port, direct, direct_port, count = sys.argv[1:]
    differences = [
        request_ms(address, int(port)) - request_ms(direct, int(direct_port))
        for _ in range(int(count))
    ]
    print(*quartiles(differences))


if __name__ == "__main__":
    main()
