"""`tfapp predict` on a large image: peak memory and time by tiles and whole, and how many labels differ.

    python benchmarks/large_images.py --out large                      # 4000x3000, U-Net and RUnet; ten minutes or so
    python benchmarks/large_images.py --out huge --size 12000x9000 --tile auto --heads softmax

A U-Net and a RUnet of base width 16 and depth 4 are trained for a minute on generated cells, and label an image of
smoothed noise. Each prediction is a process of its own, whose peak is that of its resident memory as the system tells
it. Labels are compared with those of the first `--tile`; a second number, as in `auto:64`, is the margin.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

TRAIN = "train cells:24:128 --epochs 3 --steps-per-epoch 20 --batch-size 4 --base-width 16 --depth 4 --head"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to work in; it must not exist")
    parser.add_argument("--size", default="4000x3000", help="width and height of the image, multiples of 4")
    parser.add_argument(
        "--tile", default="off,auto,auto:64", help="of --tile, or --tile:--margin, comma-separated"
    )
    parser.add_argument("--heads", default="softmax,tv-softmax", help="comma-separated")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    given.out.mkdir(parents=True)
    write_image(given.out / "image.png", height, width)
    for head in given.heads.split(","):
        measured(f"{TRAIN} {head} --out {head}", given.out)
        first = None
        for choice in given.tile.split(","):
            tile, _, margin = choice.partition(":")
            folder = f"{head}-{choice.replace(':', '-margin-')}"
            command = f"predict {head} image.png --out {folder} --tile {tile} --max-pixels {width * height}"
            seconds, peak = measured(command + (f" --margin {margin}" if margin else ""), given.out)
            with Image.open(given.out / folder / "image.png") as picture:
                labels = np.asarray(picture)
            first = labels if first is None else first
            shares = ", ".join(
                f"{share:.1%}" for share in np.bincount(labels.ravel(), minlength=3) / labels.size
            )
            print(
                f"{head:12s} {choice:10s} {peak / 2**30:5.2f} GiB {seconds:6.1f} s, classes {shares}; "
                f"{int((labels != first).sum()):,} of {labels.size:,} labels differ from those of the first",
                flush=True,
            )


def write_image(file, height, width):
    """Write smoothed noise in colours, whose blobs are as large as cells."""
    rng = np.random.default_rng(0)
    pixels = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        coarse = gaussian_filter(rng.random((height // 4, width // 4), np.float32), 3)
        fine = zoom((coarse - coarse.mean()) / coarse.std(), 4, order=0)
        # In place, as the image may have 108 megapixels.
        fine *= 60
        fine += rng.normal(140, 8, fine.shape).astype(np.float32)
        pixels[..., channel] = np.clip(fine, 0, 255)
    Image.MAX_IMAGE_PIXELS = None
    Image.fromarray(pixels).save(file, compress_level=1)


# In a small process between: the system counts into the peak of a process what its parent had when it was started.
WATCH = (
    "import resource, subprocess, sys, time\n"
    "begin = time.perf_counter()\n"
    "code = subprocess.call(sys.argv[1:], stdout=sys.stderr)\n"
    "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024\n"
    "print(time.perf_counter() - begin, peak)\n"
    "sys.exit(code)\n"
)


def measured(command, folder):
    """Run a tfapp command in a folder; return seconds and the peak of its resident memory in bytes."""
    watched = [sys.executable, "-c", WATCH, sys.executable, "-m", "tfapp", *command.split()]
    with open(folder / "log.txt", "a") as log:
        done = subprocess.run(watched, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    if done.returncode:
        sys.exit(f"tfapp {command} failed; see {folder / 'log.txt'}.")
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


if __name__ == "__main__":
    main()
