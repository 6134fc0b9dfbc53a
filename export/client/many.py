"""Many requests, some at once, and what they took."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Job:
    """One request that is still to be made.

    Attributes:
        signature: Name of the signature.
        inputs: Function that makes the inputs, in the thread that sends them.
        outputs: Aliases of the outputs that are wanted, or None.
        about: Whatever the caller knows the job by.
    """

    signature: str
    inputs: Callable
    outputs: list | None
    about: object


@dataclass(frozen=True)
class Done:
    """A job that was done.

    Attributes:
        job: The `Job`.
        outputs: Arrays by alias; None where it failed.
        error: What it failed with, or None.
        seconds: From the first byte that was sent to the last that came, waits between tries included; None where
            nothing was sent.
    """

    job: Job
    outputs: dict | None
    error: Exception | None
    seconds: float | None


def ask_all(client, next_job, concurrency=1):
    """Send requests, and yield a `Done` for each as it comes; what is not yielded yet is at most `concurrency` answers.

    If the caller stops before the end, or an exception passes, the client is closed, so that nothing is waited for.

    Args:
        client: `Client`.
        next_job: Function that returns the next `Job`, or None where there is none now; it is asked again after each
            answer, which may have made more.
        concurrency: Requests at once.
    """
    running, whole = set(), False
    executor = ThreadPoolExecutor(concurrency, thread_name_prefix="tfapp-client")
    try:
        while True:
            while len(running) < concurrency and (job := next_job()) is not None:
                running.add(executor.submit(_ask, client, job))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
        whole = True
    finally:
        if not whole:
            client.close()
        executor.shutdown(wait=True, cancel_futures=True)


def _ask(client, job):
    begun = None
    try:
        inputs = job.inputs()
        begun = time.perf_counter()
        outputs = client.predict(job.signature, inputs, job.outputs)
    except ValueError as error:  # InputError of a file, ExportError of a request or an answer
        return Done(job, None, error, None if begun is None else time.perf_counter() - begun)
    return Done(job, outputs, None, time.perf_counter() - begun)


@dataclass
class Latencies:
    """What requests took, and how many there were.

    Attributes:
        seconds: Of each request that was answered as asked.
        failed: Requests that were not.
        images: Images that were answered.
        wall: Seconds from the first request to the last answer.
        retried: Further tries of all of them.
    """

    seconds: list = field(default_factory=list)
    failed: int = 0
    images: int = 0
    wall: float = 0.0
    retried: int = 0

    def __add__(self, other):
        """Return those of two rounds of requests, one after the other."""
        return Latencies(
            self.seconds + other.seconds,
            self.failed + other.failed,
            self.images + other.images,
            self.wall + other.wall,
            self.retried + other.retried,
        )

    def percentile(self, share):
        """Return the seconds within which `share` percent of the requests were answered; NaN where none was.

        Between two measured values it is interpolated, as NumPy does.

        Example:
            >>> Latencies([1.0, 2.0, 3.0]).percentile(50)
            2.0
        """
        return float(np.percentile(self.seconds, share)) if self.seconds else float("nan")

    @property
    def images_per_second(self):
        """Images answered in a second of the whole time."""
        return self.images / self.wall if self.wall else float("nan")
