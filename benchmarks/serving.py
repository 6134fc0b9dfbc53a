"""A load test of an exported segmenter, and what a request of each signature costs beside a plain export.

    python benchmarks/serving.py --json serving.json                # 10,000 requests
    python benchmarks/serving.py --requests 1000 --quick

8 clients, half of them by gRPC, half by REST, ask a TEST DOUBLE of TensorFlow Serving's front end
(`serving_double.py`), in a process of its own that loads and runs the export by TensorFlow's C API, as the server does.
What stands here of latency holds for the double, whose front end is Python; that answers are right, that nothing
crashes and that memory does not grow holds for the graph and the session, which are those of the server. Images have
mixed sizes, one request in twenty is of files that must be refused. Each answer is compared with that of the Keras
model. Blocks of requests take turns with the same requests to a bare session; the first block, in which every size is
new to both, counts for answers and memory and not for times.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import harness
import numpy as np
from serving_task import files_of_sizes, load_model, load_requests, signature_model

HERE = Path(__file__).parent
CLIENTS = 8
BLOCKS = 10
NAME = "cells"


def main(arguments=None):
    options = harness.parser(__doc__, threads=1, repetitions=15)
    options.add_argument(
        "--requests", type=int, default=10_000, help="requests of the load test (default: 10,000)"
    )
    options = options.parse_args(arguments)
    if options.requests < 100:
        sys.exit(f"--requests must be at least 100. Received: {options.requests}.")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sections = [("load on a test double of the server", lambda: load(folder, options))]
        if not options.quick:
            sections.append(("a request of each signature", lambda: signatures(folder, options)))
        return harness.run(sections, options)


def load(folder, options):
    """Let 8 clients ask for so many answers; return the comparisons."""
    model, segmenter, served = load_model(folder / NAME)
    requests = load_requests(segmenter)
    count = options.requests // BLOCKS
    rng = np.random.default_rng(0)
    blocks = [rng.integers(0, len(requests), count) for _ in range(BLOCKS)]
    bare = [[(requests[i].signature, requests[i].inputs) for i in block] for block in blocks]
    tally = Tally()
    peer = harness.PeerProcess(
        str(HERE / "serving_bare.py"), options.threads, "blocks", [str(served)], (bare, CLIENTS)
    )
    with peer, double(served, options.threads) as server:
        for number, block in enumerate(blocks):
            seconds, each = timed_block(server, [requests[i] for i in block], tally)
            found = peer()
            if number:
                tally.seconds += seconds
                tally.served += each
                tally.bare_seconds += found["seconds"]
                tally.bare += found["each"]
            tally.memory.append(server.resident_mebibytes())
            print(
                f"        {(number + 1) * count:6d} requests, {tally.wrong} wrong, {tally.crashes} crashes, "
                f"{tally.memory[-1]:.0f} MiB",
                flush=True,
            )
    for sentence in tally.sentences[:5]:
        print(f"        {sentence}")
    total, timed = BLOCKS * count, (BLOCKS - 1) * count
    refused = tally.kinds["refused"]
    print(
        f"        {total} requests, {refused} of bad files; served p50 {1e3 * np.quantile(tally.served, 0.5):.1f} ms, "
        f"p99 {1e3 * np.quantile(tally.served, 0.99):.1f} ms, {timed / tally.seconds:.0f} a second; bare "
        f"{timed / tally.bare_seconds:.0f} a second"
    )
    quantiles = [
        harness.Comparison(
            f"p{share} of a request, test double / bare session",
            *(1e3 * float(np.quantile(times, share / 100)) for times in (tally.served, tally.bare)),
            "ms",
        )
        for share in (50, 99)
    ]
    each = (1e3 * tally.seconds / timed, 1e3 * tally.bare_seconds / timed)
    return [
        harness.Comparison("wrong answers of the test double, of all", tally.wrong, total, "requests", 0.0),
        harness.Comparison("crashes and failures, of all", tally.crashes, total, "requests", 0.0),
        harness.Comparison("bad files that were refused, of all", refused, total, "requests"),
        harness.Comparison("a request, 8 clients at a time, test double / bare session", *each, "ms"),
        *quantiles,
        # The first blocks have seen every size.
        harness.Comparison(
            "resident memory at the end / after a fifth of the requests",
            tally.memory[-1],
            tally.memory[1],
            "MiB",
            1.1,
        ),
    ]


class Tally:
    """What is counted of a run.

    Attributes:
        served, bare: Seconds of each request.
        seconds, bare_seconds: Of all timed blocks, which 8 clients share.
        wrong: Answers that are not those of Keras, bad files that were answered, good ones that were refused.
        crashes: Everything else that is no answer.
        memory: MiB of the server after each block.
        sentences: What was wrong, for a person.
    """

    def __init__(self):
        self.served, self.bare, self.memory, self.sentences = [], [], [], []
        self.seconds = self.bare_seconds = 0.0
        self.wrong = self.crashes = 0
        self.kinds, self.lock = Counter(), threading.Lock()

    def add(self, kind, sentence=None):
        with self.lock:
            self.kinds[kind] += 1
            self.wrong += kind == "wrong"
            self.crashes += kind == "crash"
            if sentence:
                self.sentences.append(sentence)


def timed_block(server, requests, tally):
    """Have all clients ask for a block; return seconds in all and of each request."""
    left, times = list(enumerate(requests)), []

    def work(client):
        while True:
            with tally.lock:
                if not left:
                    return
                number, request = left.pop()
            times.append(asked(client, number, request, tally))

    threads = [threading.Thread(target=work, args=(client,)) for client in server.clients]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if len(times) != len(requests):
        tally.add("crash", f"{len(requests) - len(times)} requests have no answer.")
    return seconds, times


def asked(client, number, request, tally):
    """Ask one request, judge the answer, return its seconds."""
    from tfapp.export import ServingError

    start = time.perf_counter()
    try:
        outputs = client.predict(request.signature, request.inputs)
    except ServingError as error:
        seconds = time.perf_counter() - start
        if error.code != "INVALID_ARGUMENT":
            tally.add("crash", f"request {number}, {request.name}: {error.code}: {error}")
        elif request.is_bad:
            tally.add("refused")
        else:
            tally.add("wrong", f"request {number}, {request.name} was refused: {error}")
        return seconds
    except Exception as error:
        tally.add("crash", f"request {number}, {request.name}: {type(error).__name__}: {error}")
        return time.perf_counter() - start
    seconds = time.perf_counter() - start
    failure = "a bad file was answered" if request.is_bad else request.failure(outputs)
    if failure:
        tally.add("wrong", f"request {number}, {request.name}: {failure}")
    else:
        tally.add("right")
    return seconds


class Server:
    """The test double in a process of its own, and its clients."""

    def __init__(self, process, clients):
        self.process, self.clients = process, clients

    def resident_mebibytes(self):
        if self.process.poll() is not None:
            return 0.0
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(next(line.split()[1] for line in file if line.startswith("VmRSS"))) / 1024


@contextmanager
def double(served, threads):
    """Start the test double of the server on a SavedModel; yields a `Server`."""
    from tfapp.export import Client

    command = [sys.executable, str(HERE / "serving_double.py"), str(served), NAME, str(threads)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        try:
            line = process.stdout.readline()
            if not line:
                errors.seek(0)
                raise RuntimeError(f"The test double did not start: {errors.read().decode()[-500:]}")
            told = json.loads(line)
            if told["imported"]:
                raise RuntimeError(
                    f"The test double must not import Python's TensorFlow: {told['imported'][:3]}."
                )
            addresses = [f"{scheme}://127.0.0.1:{told[scheme]}" for scheme in ("grpc", "http")]
            clients = [Client(addresses[number % 2], NAME, retries=0) for number in range(CLIENTS)]
            yield Server(process, clients)
            for client in clients:
                client.close()
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait()


def signatures(folder, options):
    """Time one request of each signature beside a plain export that does as much; return the comparisons."""
    folders = signature_model(folder / "signatures")
    files = files_of_sizes()
    with harness.PeerProcess(
        str(HERE / "serving_bare.py"), options.threads, "signatures", [str(one) for one in folders], (files,)
    ) as peer:
        ms = harness.milliseconds({"one": peer}, options.repetitions)
    rows = []
    for name in files:
        for ours, other, target in (
            ("floats", "plain floats", None),
            ("uint8", "plain floats", None),
            ("bytes", "plain", 1.2),
            ("status", "plain", None),
        ):
            beside = "network alone" if other == "plain floats" else "files and labels outside"
            claim = f"{name}: serving_{ours} / plain export, {beside}"
            rows.append(harness.Comparison(claim, ms[f"{name} {ours}"], ms[f"{name} {other}"], "ms", target))
    return rows


if __name__ == "__main__":
    sys.exit(main())
