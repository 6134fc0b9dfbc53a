"""Peak memory of one training step, each measured in a fresh process."""

import os
import subprocess
import sys

STATUS, CLEAR = "/proc/self/status", "/proc/self/clear_refs"


def measurable():
    """Whether this system tells and resets a process's peak memory: Linux."""
    return os.access(STATUS, os.R_OK) and os.access(CLEAR, os.W_OK)


def peak(name, iterations, threads):
    """Return the MiB that a training step needs above what the process held before it.

    Args:
        name: `implicit` (ours) or `unrolled` (in XLA).
        iterations: Of the forward solution.
        threads: Of TensorFlow's operations.
    """
    command = [sys.executable, __file__, name, str(iterations), str(threads)]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)
    return float(answer.stdout)


def measure(name, iterations, threads):
    import tensorflow as tf
    import tv_steps
    from tv_field import TV_WEIGHT, large_field

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    implicit = name == "implicit"
    step = tv_steps.implicit(iterations) if implicit else tv_steps.unrolled(iterations, jit_compile=True)
    logits, labels = large_field()
    # A corner first: the compiler's own memory is not what a step needs, and what a step has used stays
    # in TensorFlow's pool.
    for side in (8, logits.shape[1]):
        before = resident("VmRSS")
        with open(CLEAR, "w") as file:
            file.write("5")  # the peak starts again from here
        part = slice(side)
        step(tf.constant(logits[:, part, part]), tf.constant(TV_WEIGHT), tf.constant(labels[:, part, part]))
    return resident("VmHWM") - before


def resident(field):
    with open(STATUS) as file:
        kibibytes = next(line.split()[1] for line in file if line.startswith(field))
    return int(kibibytes) / 1024


if __name__ == "__main__":
    print(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
