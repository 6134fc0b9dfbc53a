"""Further tries of a call that failed for a reason which may pass, after waits that grow and are drawn at random."""

import random
import time
from dataclasses import dataclass

from tfapp.export.client.errors import ServingError, too_late


@dataclass(frozen=True)
class Retries:
    """How often and when a call is tried again.

    The wait before try k is drawn evenly between 0 and `first * 2**k` seconds, at most `longest`: clients that failed
    together do not come back together ("full jitter", AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).

    Attributes:
        most: Further tries after the first.
        first: Longest wait before the second try, in seconds.
        longest: Longest wait of all, in seconds.
    """

    most: int = 5
    first: float = 0.1
    longest: float = 5.0

    def wait(self, retry, generator=random):
        """Return the seconds to wait before further try `retry`, from 0."""
        return generator.uniform(0.0, min(self.longest, self.first * 2.0**retry))


def with_retries(
    call, retries, deadline, server, *, sleep=time.sleep, clock=time.monotonic, generator=random
):
    """Return what `call` returns, and how many further tries it took.

    Args:
        call: Function of the seconds that are left; it raises `ServingError`.
        retries: `Retries`.
        deadline: Seconds for all tries and waits together.
        server: The address, for the sentence.
        sleep, clock, generator: For tests.

    Raises:
        ServingError: what cannot be mended by another try, or the last failure, or the deadline.
    """
    end = clock() + deadline
    for retry in range(retries.most + 1):
        try:
            return call(max(end - clock(), 1e-3)), retry
        except ServingError as error:
            if error.code == "DEADLINE_EXCEEDED":
                raise too_late(server, deadline) from error
            if not error.is_retried or retry == retries.most:
                raise
            wait = retries.wait(retry, generator)
            if clock() + wait >= end:
                raise
        sleep(wait)
    raise AssertionError("a try either returns or raises")
