"""A command in a process of its own, and what is wrong with how it ended.

The process is forked from one in which TensorFlow has been imported but has computed nothing yet, which saves seconds
for each; the command line itself is that of a person, with its own output and exit code.
"""

import contextlib
import json
import os
import re
import signal
import sys
import time
import traceback
from dataclasses import dataclass

from tests.malformed.place import snapshot

MOST_SECONDS, MOST_BYTES = 60, 2 * 2**30
INPUTS = (
    "own",
    "photos",
    "labels",
    "mnist",
    "cifar",
    "imagenet",
    "wbc",
    "VOCdevkit",
    "parts",
    "pairs",
    "scenes",
    "clouds",
    "bop",
    "served",
)
_TRACE = re.compile(r"Traceback \(most recent call last\)|^\s+File \".*\", line \d+", re.MULTILINE)
_RAW_WARNING = re.compile(r"^\S+\.py:\d+: \w*Warning: .*", re.MULTILINE)
_LEFT_OVER = re.compile(r"\.part(\.|$)|(^|/)\.export|\.tmp$")


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: Its exit code; below 0 the signal that ended it.
        said: What it printed.
        seconds, busy, bytes: What it took: by the clock, of processors, and of memory at most.
        faults: What is wrong with it.
    """

    code: int
    said: str
    seconds: float
    busy: float
    bytes: int
    faults: tuple[str, ...]


def prepare():
    """Import what the commands need, so that no process has to."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ |= {"COLUMNS": "400", "NO_COLOR": "1", "MPLBACKEND": "Agg"}
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import skimage.measure  # noqa: F401
    import sklearn.cluster  # noqa: F401
    import tensorflow  # noqa: F401

    import tfapp.cli.main  # noqa: F401
    import tfapp.export  # noqa: F401
    import tfapp.landscape  # noqa: F401
    import tfapp.pose.run  # noqa: F401
    import tfapp.segmentation.run  # noqa: F401
    import tfapp.transfer.run  # noqa: F401
    from tfapp.pose.model import pose_network

    # The stored pose models have two filters in each convolution.
    pose_network.WIDTHS = (2, 2, 2, 2)


def attempt(words, place, printed):
    """Run a command in a place and return its `Outcome`.

    Args:
        words: What is typed after `tfapp`.
        place: `Path` of the folder that it is typed in.
        printed: `Path` of a file for what it prints.
    """
    before, begun = snapshot(place), time.monotonic()
    child = os.fork()
    if not child:
        _become(words, place, printed)
    most, late = 0, False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        most = max(most, _resident(child))
        late = time.monotonic() - begun > MOST_SECONDS
        if late or most > MOST_BYTES:
            os.killpg(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # whatever the command left running
    seconds, most = time.monotonic() - begun, max(most, usage.ru_maxrss * 1024)
    said = printed.read_bytes().decode("utf-8", "backslashreplace")
    code = os.waitstatus_to_exitcode(status)
    # What `data check` refuses is what it reports.
    faults = list(_faults(code, said, before, place, list(words[:2]) == ["data", "check"]))
    if seconds > MOST_SECONDS:
        faults.insert(0, f"more than {MOST_SECONDS} s")
    if most > MOST_BYTES:
        faults.insert(0, f"more than {MOST_BYTES // 2**30} GB")
    return Outcome(code, said, seconds, usage.ru_utime + usage.ru_stime, most, tuple(faults))


def _become(words, place, printed):
    """Be the command; does not return."""
    code = 70
    try:
        os.setsid()
        out = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(place)
        sys.argv = ["tfapp", *words]
        from tfapp.cli.main import main

        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _resident(process):
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _faults(code, said, before, place, may_report):
    """Yield what is wrong with how a command ended; `may_report` if it writes about what it refuses."""
    after = snapshot(place)
    new = sorted(after.keys() - before.keys())
    changed = sorted(name for name in before if after.get(name) != before[name])
    if code not in (0, 1, 2):
        yield f"exit code {code}"
    if _TRACE.search(said):
        yield "a traceback"
    if warning := _RAW_WARNING.search(said):
        yield f"a raw warning: {warning[0][:200]}"
    if code and not said.strip():
        yield "not a word"
    if code == 2 and not may_report:
        if new:
            yield f"refused, but wrote {', '.join(new[:5])}"
        if changed:
            yield f"refused, but changed {', '.join(changed[:5])}"
    touched = [name for name in changed if name.split("/")[0] in INPUTS]
    if touched:
        yield f"changed inputs: {', '.join(touched[:5])}"
    left = [name for name in new if _LEFT_OVER.search(name)]
    if left:
        yield f"left {', '.join(left[:5])}"
    yield from (f"wrote {name}, which is damaged" for name in new if not _is_whole(place / name))


def _is_whole(path):
    """Return whether a written file can be read, where that is easily seen."""
    from PIL import Image

    try:
        if path.suffix == ".json" and path.is_file():
            json.loads(path.read_text(encoding="utf-8"))
        if path.suffix == ".png" and path.is_file():
            with Image.open(path) as image:
                image.load()
        if path.suffix == ".html" and path.is_file():
            return "</html>" in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return True
