"""The session of the C API called directly, with no server before it: what a served request costs least.

A peer of `serving.py` in a process of its own. It is given SavedModels by name and either answers blocks of requests
from so many threads at a time, or times one request of each signature beside a plain export with the same work outside.
"""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from harness import Requests
from PIL import Image
from serving_session import Session, SessionError


def answered_blocks(session, blocks, clients):
    """Yield seconds in all and of each request, block by block, over and over."""

    def one(request):
        start = time.perf_counter()
        try:
            session(*request)
        except SessionError:
            pass  # a bad one
        return time.perf_counter() - start

    with ThreadPoolExecutor(clients) as pool:
        for block in blocks:
            start = time.perf_counter()
            each = list(pool.map(one, block))
            yield {"seconds": time.perf_counter() - start, "each": each}


def timed_signatures(ours, with_status, plain, files):
    """Yield seconds of one request of each kind by name, over and over."""

    def outside(contents):
        with Image.open(io.BytesIO(contents)) as image:
            return np.asarray(image)

    [(alias, _)] = plain.signatures["serving_default"].inputs.items()

    def by_plain(contents):
        [found] = plain("serving_default", {alias: outside(contents)[None].astype(np.float32) / 255}).values()
        file = io.BytesIO()
        Image.fromarray(found[0].argmax(-1).astype(np.uint8)).save(file, "PNG")

    while True:
        seconds = {}
        for name, contents in files.items():
            pixels = outside(contents)[None]
            floats = pixels.astype(np.float32) / 255
            encoded = np.array([contents], object)
            contenders = {
                "plain": lambda contents=contents: by_plain(contents),
                "bytes": lambda encoded=encoded: ours("serving_bytes", {"image_bytes": encoded}),
                "status": lambda encoded=encoded: with_status("serving_bytes", {"image_bytes": encoded}),
                "plain floats": lambda floats=floats: plain("serving_default", {alias: floats}),
                "floats": lambda floats=floats: ours("serving_default", {"images": floats}),
                "uint8": lambda pixels=pixels: ours("serving_uint8", {"images": pixels}),
            }
            for contender, function in contenders.items():
                start = time.perf_counter()
                function()
                seconds[f"{name} {contender}"] = time.perf_counter() - start
        yield seconds


def main():
    requests = Requests()
    threads, what, folders, given = requests.arguments
    sessions = [Session(folder, threads) for folder in folders]
    turns = {"blocks": answered_blocks, "signatures": timed_signatures}[what](*sessions, *given)
    while True:
        requests.wait()
        requests.answer(next(turns))


if __name__ == "__main__":
    main()
