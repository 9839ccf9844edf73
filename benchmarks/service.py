"""Load test of `petseg serve`: clients on loopback, latency, images per second, and memory.

    python -m benchmarks.service                   # then the same network behind Flask
    python -m benchmarks.service --requests 200    # shorter

Each client sends a photograph of 451x300 pixels again and again over one connection, and requests a
mask. After a 503, the client counts a retry and waits a second. The network is the U-Net of
params.yaml with random weights. Needs the extra `service`, and flask for the rival.
"""

import argparse
import http.client
import importlib.util
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks import ENVIRONMENT, pets
from benchmarks.prediction import FILES, network

CLIENTS = (1, 8, 32)
PHOTOGRAPH = pets.ROOT / "docs/images/chelsea.jpg"


class Load(NamedTuple):
    """The result of some requests: seconds of each successful one, retries, and lost requests."""

    seconds: list[float]
    retries: int
    lost: int
    wall: float


def main() -> None:
    options = _options()
    port = str(_free_port())
    ours = [sys.executable, "-m", "petseg", "serve", "--no-page", "--port", port]
    ours += ["--model", str(network() / FILES["tflite"])]
    print("| service | clients | images/s | median | 95 % | 99 % | retries | lost | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with served(ours, int(port)) as process:
        for clients in CLIENTS:
            report("petseg serve", clients, load(int(port), clients, options.requests), process)
        if options.memory:
            memory_over(process, int(port), options.memory)
    if importlib.util.find_spec("flask") is None:
        sys.exit("the rival needs another package: pip install flask")
    theirs = [sys.executable, str(Path(__file__).with_name("flask_handler.py"))]
    theirs += [str(network() / FILES["keras"]), port]
    with served(theirs, int(port)) as process:
        for clients in CLIENTS:
            found = load(int(port), clients, options.rival_requests)
            report("Flask, model.predict", clients, found, process)


def load(port: int, clients: int, requests: int) -> Load:
    """Sends `requests` requests from several clients at a time."""
    image, lock = PHOTOGRAPH.read_bytes(), threading.Lock()
    left, seconds, retries, lost = [requests], [], [0], [0]

    def take() -> bool:
        with lock:
            left[0] -= 1
            return left[0] >= 0

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while take():
            start = time.perf_counter()
            try:
                status = _ask(connection, image)
                while status == 503:
                    retries[0] += 1
                    time.sleep(1)
                    status = _ask(connection, image)
            except OSError:
                status = 0
                connection.close()
            if status == 200:
                seconds.append(time.perf_counter() - start)
            else:
                lost[0] += 1

    threads = [threading.Thread(target=client) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(seconds, retries[0], lost[0], time.perf_counter() - start)


def _ask(connection: http.client.HTTPConnection, image: bytes) -> int:
    connection.request("POST", "/v1/segment?as=labels", image)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def report(name: str, clients: int, found: Load, process: psutil.Process) -> None:
    """Prints a row of the table; times in milliseconds, memory in MB."""
    cuts = [1000 * cut for cut in statistics.quantiles(found.seconds, n=100)]
    row = (
        name,
        clients,
        f"{len(found.seconds) / found.wall:.1f}",
        *(f"{cuts[percent - 1]:.0f} ms" for percent in (50, 95, 99)),
        found.retries,
        found.lost,
        f"{_memory(process):.0f} MB",
    )
    print("| " + " | ".join(map(str, row)) + " |", flush=True)


def memory_over(process: psutil.Process, port: int, requests: int) -> None:
    """Prints the memory after each tenth of many requests."""
    steps = []
    for _ in range(10):
        load(port, 8, requests // 10)
        steps.append(f"{_memory(process):.0f}")
    print(f"\nMB after each tenth of {requests} more requests: {' '.join(steps)}\n", flush=True)


def _memory(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


@contextmanager
def served(command: list[str], port: int):
    """Runs a service as a psutil.Process; enters the context once it responds."""
    process = psutil.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _responds(port):
            if process.poll() is not None:
                sys.exit(f"error: {' '.join(command)} ended with exit code {process.returncode}")
            time.sleep(0.2)
        load(port, 2, 4)  # the first call is slower
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _responds(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=400, metavar="N", help="per row, ours")
    parser.add_argument(
        "--rival-requests", type=int, default=100, metavar="N", help="per row, Flask"
    )
    parser.add_argument(
        "--memory", type=int, default=2000, metavar="N", help="requests for the memory; 0: none"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
