"""What several workers add to a training step, and Dask to a point of a landscape: the numbers behind plans for more.

    python benchmarks/workers.py --json workers.json

Two workers, processes of this machine with one thread each, take turns at steps of their own and at joined steps of the
same network with as many rows each. Dask's local cluster has one worker, which is given points that cost nothing.
"""

import subprocess
import sys
import time

import harness
import numpy as np
from harness import Comparison


def joined_steps(cluster, repetitions, quick):
    """Return (milliseconds by contender, bytes of the gradients); all workers call it in the same way."""
    from tfapp.runs.distributed.joined_steps import join_steps
    from tfapp.runs.distributed.peers import Peers

    harness.use_threads(1)
    peers = Peers(cluster)
    import tensorflow as tf

    side, rows, width = (32, 2, 4) if quick else (128, 4, 16)
    alone, joined = network(width), network(width)
    join_steps(joined, peers)
    rng = np.random.default_rng(cluster.index)
    batch = (
        rng.uniform(size=(rows, side, side, 3)).astype(np.float32),
        rng.integers(0, 3, (rows, side, side)).astype(np.int32),
        np.ones((rows, side, side), np.float32),
    )
    stream = tf.data.Dataset.from_tensors(batch).repeat()
    for model in (alone, joined):
        model.fit(stream, steps_per_epoch=1, shuffle=False, verbose=0)
    gradients = [tf.zeros(one.shape) for one in joined.trainable_variables]
    added = tf.function(peers.sums, autograph=False)
    steps = {name: iter(stream) for name in ("alone", "joined")}
    one_number = [tf.zeros(())]
    contenders = {
        "alone": harness.stopwatch(alone.train_function, steps["alone"]),
        "joined": harness.stopwatch(joined.train_function, steps["joined"]),
        "sums": harness.stopwatch(added.get_concrete_function(gradients), gradients),
        "one sum": harness.stopwatch(added.get_concrete_function(one_number), one_number),
    }
    meet = contenders["one sum"]
    contenders = {name: _together(meet, timed) for name, timed in contenders.items()}
    times = harness.milliseconds(contenders, repetitions)
    step = tf.function(joined.train_step, autograph=False).get_concrete_function(next(steps["joined"]))
    if peers.is_chief:
        print(f"        {_count_of_sums(step.graph)} sums in a joined step")
    return times, sum(one.numpy().nbytes for one in gradients)


def _together(meet, timed):
    """Return the timed function, begun by all workers at once: else one waits for what another did before."""

    def begun_together():
        meet()
        return timed()

    return begun_together


def _count_of_sums(graph):
    graph = graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return sum(node.op.startswith("CollectiveReduce") for node in nodes)


def network(width):
    import keras

    from tfapp.models import build
    from tfapp.segmentation.compiling import compile_segmenter

    keras.utils.set_random_seed(0)
    model = build("unet", 3, 3, head="softmax", base_width=width, depth=4)
    compile_segmenter(model, "adam", 1e-3)
    return model


def workers(options):
    """Return the comparisons of a joined step with one alone, and of its sums of gradients."""
    from tfapp.runs.distributed.cluster import Cluster

    addresses = tuple(f"localhost:{port}" for port in (options.port, options.port + 1))
    other = [sys.executable, __file__, "--worker", "--port", str(options.port)]
    other += ["--repetitions", str(options.repetitions), *(["--quick"] if options.quick else [])]
    process = subprocess.Popen(other)
    try:
        times, size = joined_steps(Cluster(addresses, 0), options.repetitions, options.quick)
    finally:
        process.wait(60)
    return [
        Comparison(
            "a step of two workers, beside one of the same rows alone", times["joined"], times["alone"], "ms"
        ),
        Comparison(
            f"sums of {size / 2**20:.1f} MiB of gradients, beside a step", times["sums"], times["alone"], "ms"
        ),
        Comparison("a sum of one number, beside a step", times["one sum"], times["alone"], "ms"),
    ]


def dask(options):
    """Return the comparison of a point through Dask with one of ten milliseconds."""
    from tfapp.workers import dask_workers

    count = 50 if options.quick else 1000
    with dask_workers("local") as client:

        def through():
            start = time.perf_counter()
            client.gather(client.map(_nothing, range(count), pure=False))
            return (time.perf_counter() - start) / count

        times = harness.milliseconds({"dask": through}, options.repetitions)
    return [Comparison("a point that costs nothing through Dask, beside 10 ms", times["dask"], 10.0, "ms")]


def _nothing(number):
    return number


def main():
    parser = harness.parser(__doc__, threads=1, repetitions=10)
    parser.add_argument("--port", type=int, default=23470, help="first of two ports (default: 23470)")
    parser.add_argument("--worker", action="store_true", help="be the other worker")
    options = parser.parse_args()
    if options.worker:
        from tfapp.runs.distributed.cluster import Cluster

        addresses = tuple(f"localhost:{port}" for port in (options.port, options.port + 1))
        joined_steps(Cluster(addresses, 1), options.repetitions, options.quick)
        return 0
    # Dask starts processes, which is to be done before TensorFlow runs here.
    sections = [
        ("points through Dask", lambda: dask(options)),
        ("steps of two workers", lambda: workers(options)),
    ]
    return harness.run(sections, options)


if __name__ == "__main__":
    sys.exit(main())
