"""The TV layers side by side with their peers: time, memory and accuracy as ratios.

    python -m pip install -e ".[benchmarks]"
    python benchmarks/tv.py [--quick] [--threads 1] [--repetitions 7] [--json FILE]

Synthetic logits of 256x256 pixels and 11 classes, lambda = 1, float32. Both sides of a comparison are run in
turn, and compared by their least times. The targets are for XLA, the rows without one show the same in a plain graph.
A peer that is not installed is left out. Exit code 1 if a target is missed. `--quick` shows in a minute that it runs.
"""

import sys

import harness
import tensorflow as tf
import tv_backward
import tv_forward
import tv_task
from tv_task import TV_WEIGHT, large_field


def main(argv=None):
    options = harness.parser(__doc__, threads=1, repetitions=7).parse_args(argv)
    harness.use_threads(options.threads)
    return harness.run(sections(options), options)


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    logits, labels = (tf.constant(array) for array in large_field(options.quick))
    u, *gradients = tv_task.exact(gap=1e-5)(
        tf.cast(logits, tf.float64), tf.constant(TV_WEIGHT, tf.float64), labels
    )
    exact = tf.nn.softmax(u)
    every = 2 if options.quick else options.repetitions
    few = max(1, every // 2)  # of what takes seconds
    threads = options.threads
    yield "time to the paper's accuracy", lambda: tv_forward.same_accuracy(logits, exact, every)
    yield "one iteration", lambda: tv_forward.one_iteration(logits, every)
    yield "a training step", lambda: tv_backward.training_step(logits, labels, gradients, few)
    yield "peak memory of a training step", lambda: tv_backward.peak_memory(threads, options.quick)
    yield (
        "a training step against a differentiable cone program",
        lambda: tv_backward.cone_program(few, threads),
    )
    yield "one iteration of denoising", lambda: tv_forward.denoiser(logits, every, threads)
    yield (
        "ten iterations against soft threshold dynamics",
        lambda: tv_forward.threshold_dynamics(logits, every),
    )


if __name__ == "__main__":
    sys.exit(main())
