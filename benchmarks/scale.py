"""Training data beyond the memory and many small files: patches a second, the time to a first step, opening folders.

    python benchmarks/scale.py [--quick] [--threads 2] [--repetitions 3] [--json FILE]

Photographs of 2048x1536 pixels in patches of 256 are delivered past the memory (a fifth of them fits), from the memory,
and as images of one frame that are decoded and resized each time, beside a plain tf.data pipeline that does the same
work: decode, crop, turn. Both take turns in this process, each with a new iterator, and the sum of the turns of a whole
pass counts, the ones in which many images are new and those in which few are. The time to a first step is that of
`tfapp train` without the making of the network: open, look for what is wrong, read all, split, and the first batch;
beside it every file is decoded once. Small files are opened by fresh processes, as commands do. Of the latter two the
least of the rounds counts. Exit code 1 if a target is missed. `--quick` shows in a minute that it runs.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import harness
import numpy as np
from harness import Comparison
from scale_plain import PlainPipeline, read_once, read_once_in_parallel
from scale_task import write_large, write_small

from tfapp.data import Frames, Framing, open_dataset, training_stream
from tfapp.data.image_facts import remarks_on
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.resume import begin_or_resume

# Throughput of at least .9 of the plain pipeline's; one and a half readings; linear with a tenth for other work.
PIPELINE, FIRST_STEP, LINEAR, SMALL_FILES = 1 / 0.9, 1.5, 1.1, 1.0
BATCH, STRIDE = 8, 16
# Of the decoded images, what the memory of the sections past it takes.
FITTING = 0.2


@dataclass(frozen=True)
class Size:
    """Of the full or the small case: images of (height, width), patches, batches of a turn, small files."""

    images: int
    size: tuple[int, int]
    patch: int
    resize: tuple[int, int]
    turn: int
    small: int


FULL = Size(24, (1536, 2048), 256, (384, 512), 12, 5000)
QUICK = Size(8, (544, 576), 128, (96, 96), 6, 50)


def main(argv=None):
    options = harness.parser(__doc__, threads=2, repetitions=3).parse_args(argv)
    harness.use_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        return harness.run(sections(options, Path(folder)), options)


def sections(options, root):
    """Yield the title and the function, to a list of comparisons, of every section."""
    size = QUICK if options.quick else FULL
    height, width = size.size
    for suffix in (".jpg", ".png"):
        folder = root / suffix[1:]
        write_large(folder, size.images, size.size, suffix)
        what = f"{size.images} images of {width}x{height} as {suffix[1:].upper()}"
        yield f"{what}, patches of {size.patch}", lambda f=folder, w=what: patches(f, w, size)
        yield f"{what}, resized", lambda f=folder, w=what: resized(f, w, size, options.repetitions)
        yield f"{what}, the first step", lambda f=folder, w=what: first_step(f, w, options.repetitions)
    write_large(root / "twice", 2 * size.images, size.size, ".jpg")
    yield "the first step of twice as many", lambda: linear(root, options.repetitions)
    for count in (size.small, 10 * size.small):
        write_small(root / f"small-{count}", count)
    yield (
        f"{size.small:,} and {10 * size.small:,} small files",
        lambda: small_files(root, size.small, options.repetitions),
    )


def patches(folder, what, size):
    """Return the comparisons of patches past the memory and within it."""
    dataset = open_dataset(f"folder:{folder}")
    framing = Framing(patch=size.patch)
    found = []
    for place, memory in (("past the memory", FITTING), ("from the memory", 2.0)):
        frames, together = frames_with(dataset, framing, memory)
        plain = PlainPipeline(folder, windows(frames), kept=memory > 1)
        ours, others = in_turns(frames, together, plain, size.turn)
        found.append(Comparison(f"{what}: a patch {place}", ours.mean(), others.mean(), "ms", PIPELINE))
        if memory < 1:
            claim = f"{what}: the same, in the turn with most new images"
            found.append(Comparison(claim, ours.max(), others.mean(), "ms"))
    return found


def resized(folder, what, size, passes):
    """Return the comparison of images of one frame each, past the memory."""
    dataset = open_dataset(f"folder:{folder}")
    frames, together = frames_with(dataset, Framing(resize=size.resize), FITTING)
    plain = PlainPipeline(folder, windows(frames), resize=size.resize)
    ours, others = in_turns(frames, together, plain, size.images // BATCH, passes)
    claim = f"{what}: an image resized past the memory"
    return [Comparison(claim, ours.mean(), others.mean(), "ms", PIPELINE)]


def frames_with(dataset, framing, share):
    """Return `Frames` that keep a share of what all of them take, and how many images at a time they shuffle."""
    everything = Frames(dataset, dataset.items, framing).read_all().nbytes
    frames = Frames(dataset, dataset.items, framing, memory=int(share * everything))
    frames.read_all()
    return frames, frames.images_together(everything)


def windows(frames):
    """Return the windows as `PlainPipeline` takes them."""
    return np.array([(place, *frames.window(i)[1]) for place, one in enumerate(frames.ranges) for i in one])


def in_turns(frames, together, plain, turn, passes=1):
    """Return the milliseconds of a frame in each turn of passes, ours and those of the plain pipeline, (2, turns)."""
    augment = "dihedral" if frames.frame_shape[0] == frames.frame_shape[1] else "flips"
    turns = -(-passes * len(frames) // (turn * BATCH))
    seconds = []
    # The first turn traces both.
    for number in range(-1, turns):
        first = max(number, 0) * turn
        ours = training_stream(
            frames, batch_size=BATCH, seed=0, first_step=first, augment=augment, images_together=together
        )
        others = plain.batches(BATCH, first * BATCH, turn * BATCH)
        seconds.append([clocked(take, stream, turn) for stream in (ours, others)])
    return 1e3 * np.transpose(seconds[1:]) / (turn * BATCH)


def take(stream, batches):
    for _ in stream.take(batches):
        pass


def first_step(folder, what, repetitions):
    """Return the comparisons of the time to a first step with readings of all files."""
    contenders = {
        "ours": lambda: to_first_step(folder),
        "once": lambda: clocked(read_once, folder),
        "parallel": lambda: clocked(read_once_in_parallel, folder),
    }
    times = harness.milliseconds(contenders, repetitions, quantile=0)
    return [
        Comparison(f"{what}: to the first step, one reading", times["ours"], times["once"], "ms", FIRST_STEP),
        Comparison(f"{what}: to the first step, reading in tf.data", times["ours"], times["parallel"], "ms"),
    ]


def linear(root, repetitions):
    """Return the comparison of twice as many images with twice the time of as many."""
    contenders = {
        "once": lambda: 2 * to_first_step(root / "jpg"),
        "twice": lambda: to_first_step(root / "twice"),
    }
    times = harness.milliseconds(contenders, repetitions, quantile=0)
    return [
        Comparison("to the first step of twice as many images", times["twice"], times["once"], "ms", LINEAR)
    ]


def to_first_step(folder):
    """Return the seconds from the folder to the first batch, as `tfapp train` begins a run."""
    begin = time.perf_counter()
    config = TrainConfig(seed=0).completed()
    dataset = open_dataset(f"folder:{folder}")
    remarks_on(dataset)
    with tempfile.TemporaryDirectory() as out:
        run, frames = begin_or_resume(Path(out) / "run", config, dataset, STRIDE, overwrite=False)
        stream = training_stream(
            frames,
            batch_size=config.batch_size,
            seed=config.seed,
            augment=run.config["augment"],
            images_together=run.images_together,
        )
        next(iter(stream.take(1)))
        return time.perf_counter() - begin


def clocked(work, *arguments):
    """Return the seconds that a function takes."""
    begin = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begin


def small_files(root, count, repetitions):
    """Return the comparison of ten times as many small files with ten times the time of so many."""
    contenders = {
        "few": lambda: 10 * seconds_to_open(root / f"small-{count}"),
        "many": lambda: seconds_to_open(root / f"small-{10 * count}"),
    }
    times = harness.milliseconds(contenders, repetitions, quantile=0)
    claim = f"to open {10 * count:,} small images, ten times {count:,}"
    return [Comparison(claim, times["many"], times["few"], "ms", SMALL_FILES)]


OPEN = (
    "import sys, time\n"
    "begin = time.perf_counter()\n"
    "from tfapp.data import open_dataset\n"
    "from tfapp.data.image_facts import remarks_on\n"
    "remarks_on(open_dataset('folder:' + sys.argv[1]))\n"
    "print(time.perf_counter() - begin)\n"
)


def seconds_to_open(folder):
    """Return the seconds that a fresh process takes to load the readers and to open a folder, as a command does."""
    done = subprocess.run([sys.executable, "-c", OPEN, folder], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
