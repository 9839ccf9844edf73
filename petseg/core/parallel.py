"""Parallel work on many files."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Maps items over all cores, in order, with a bounded number of items in progress.

    Uses threads: reading files, and decoding and resizing with Pillow, release the GIL.
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 8 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
