"""Work on many files at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` over all cores, in order, with a bounded number of items under way.

    Threads are enough for what reads files, or decodes and resizes by Pillow, which does not hold
    Python's lock.
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[Result]] = deque()
        for item in items:
            under_way.append(pool.submit(function, item))
            if len(under_way) > 8 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
