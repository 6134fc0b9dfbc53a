"""Reading of many files by several threads, some ahead of who takes them, in their order.

Pillow, NumPy and hashlib let other threads run while they decode, compute and hash.
"""

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

# Handing a file to a thread and back costs about as much as reading one that takes less than this.
_WORTH_SECONDS = 2e-3
_TRIED, _MOST_THREADS = 4, 16
# Pixels that all threads together may be decoding, which take some 12 bytes each then.
_MOST_PIXELS = 2**26


def threads_for(pixels):
    """Return how many threads may read images at a time whose largest has so many pixels, at least 1."""
    return max(1, min(_MOST_THREADS, os.cpu_count() or 1, _MOST_PIXELS // max(1, pixels)))


def read_ahead(read, items, threads):
    """Yield `read(item)` of each item, in their order; what it raises is raised in the place of that item.

    The first few are read without threads, and so are all others if these took no time worth it.

    Args:
        read: Function of an item.
        items: Iterable.
        threads: Items that are read at a time, such as `threads_for` tells. Up to as many wait to be taken.
    """
    items, least = iter(items), float("inf")
    for item in islice(items, _TRIED):
        begin = time.perf_counter()
        found = read(item)
        least = min(least, time.perf_counter() - begin)
        yield found
    if least < _WORTH_SECONDS or threads == 1:
        yield from map(read, items)
    else:
        yield from _by_threads(read, items, threads)


def _by_threads(read, items, threads):
    waiting = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(read, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
