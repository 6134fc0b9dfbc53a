"""Try generated malformed inputs on the commands that read them, and say which did not end as they should.

    python -m tests.malformed --count 500 --seed 0 --out malformed     # about half an hour on one core
    python -m tests.malformed --whole --out malformed          # the commands on inputs without a fault
    python -m tests.malformed --first 137 --count 1 --out malformed    # one of them again, with what it printed

Each of them must end with exit code 0, 1 or 2; without a traceback or a raw warning; with a sentence if it is refused,
and then with nothing written; with its inputs as they were; within 60 s and 2 GB. The exit code is 1 if one does not.
A sequence goes on where it was interrupted; what was at fault is tried again.
"""

import argparse
import json
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path

from tests.malformed.inputs import make, whole_lines
from tests.malformed.place import Place
from tests.malformed.seeds import write_seeds
from tests.malformed.targets import LINE, TARGETS
from tests.malformed.trial import attempt, prepare


def main():
    """Try the inputs, print the table of kinds and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500, help="inputs to try")
    parser.add_argument("--first", type=int, default=0, help="number of the first one in the sequence")
    parser.add_argument("--seed", type=int, default=0, help="of the sequence")
    kinds = [*(target.kind for target in TARGETS), LINE]
    parser.add_argument("--only", choices=kinds, help="the one kind to try")
    parser.add_argument(
        "--whole", action="store_true", help="try the commands on inputs that nothing was done to"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to work in")
    given = parser.parse_args()
    out = given.out.resolve()
    seeds, place, results = out / "seeds", out / "place", out / f"results-{given.seed}-{given.only}.jsonl"
    if not (out / "seeds are whole").exists():
        _in_own_process(lambda: (shutil.rmtree(seeds, ignore_errors=True), write_seeds(seeds, place)))
        (out / "seeds are whole").touch()
    prepare()
    place = Place(seeds, place)
    if given.whole:
        return _try_whole(place, out / "printed.txt")
    done = {}
    if results.exists() and given.count > 1:
        tried = map(json.loads, results.read_text().splitlines())
        done = {row["number"]: row for row in tried if not row["faults"]}
    numbers = range(given.first, given.first + given.count)
    with results.open("a") as file:
        for number in numbers:
            if number not in done:
                done[number] = _try(number, given, place, out / "printed.txt")
                file.write(json.dumps(done[number]) + "\n")
                file.flush()
            row = done[number]
            if row["faults"] or given.count == 1:
                print(f"{number}: {row['input']}\n  {'; '.join(row['faults']) or 'no fault'}", flush=True)
            if given.count == 1:
                print(row["said"])
    rows = [done[number] for number in numbers]
    print_table(rows)
    return int(any(row["faults"] for row in rows))


def _try(number, given, place, printed):
    place.restore()
    one = make(number, given.seed, place.path, given.only)
    outcome = attempt(one.words, place.path, printed)
    return {
        "number": number,
        "kind": one.kind,
        "input": str(one),
        "code": outcome.code,
        "seconds": round(outcome.seconds, 2),
        "busy": round(outcome.busy, 2),
        "megabytes": outcome.bytes // 2**20,
        "faults": outcome.faults,
        "said": outcome.said[-4000:],
    }


def _try_whole(place, printed):
    """Try each command on the whole inputs, which it must not refuse, and return the exit code."""
    failed = 0
    for line in whole_lines():
        place.restore()
        outcome = attempt(shlex.split(line), place.path, printed)
        wrong = outcome.code not in (0, 1) or outcome.faults  # 1: `data check` has warnings
        failed += bool(wrong)
        print(f"{outcome.seconds:6.1f} s {outcome.bytes // 2**20:6} MB  tfapp {line}", flush=True)
        if wrong:
            print(f"  exit code {outcome.code}; {'; '.join(outcome.faults)}\n{outcome.said[-3000:]}")
    print(f"{failed} commands failed")
    return int(failed > 0)


def _in_own_process(make_seeds):
    """Compute in a process of its own: the one that others are forked from must not have begun to."""
    import os

    child = os.fork()
    if not child:
        try:
            make_seeds()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("the whole inputs could not be made")


def print_table(rows):
    """Print for each kind how many were taken, refused and at fault, and what the dearest took."""
    header = (
        "kind",
        "tried",
        "taken",
        "in part",
        "refused",
        "faults",
        "most s",
        "most MB",
        "all, s of processors",
    )
    lines = [header]
    for kind in (*sorted({row["kind"] for row in rows}), "all"):
        of_kind = [row for row in rows if kind in ("all", row["kind"])]
        codes = Counter(row["code"] for row in of_kind)
        faults = sum(bool(row["faults"]) for row in of_kind)
        seconds, megabytes = (max(row[name] for row in of_kind) for name in ("seconds", "megabytes"))
        busy = sum(row["busy"] for row in of_kind)
        counts = (len(of_kind), codes[0], codes[1], codes[2], faults)
        lines.append((kind, *counts, f"{seconds:.1f}", megabytes, f"{busy:.0f}"))
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(header))]
    for first, *others in lines:
        cells = (str(cell).rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]))


if __name__ == "__main__":
    sys.exit(main())
