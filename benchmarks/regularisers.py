"""Ways from the same logits to spatially regular labels, side by side: mIoU, boundary F1 and time.

    python -m pip install -e ".[benchmarks]" pydensecrf2
    python benchmarks/regularisers.py [--quick] [--threads 1] [--repetitions 5] [--json FILE]
    python benchmarks/regularisers.py --run RUN [--data SPEC]       # of a trained segmenter, on its own images

Noisy Voronoi maps of 256x256 pixels and 3 or 11 classes, or the logits of a trained network on its validation and test
images. Every contender takes the lambda, and the width of a kernel if it has one, that has the highest mIoU on the
validation images, and is measured on the test images, from logits to labels. All take turns, and the lower quartile of
their times stands for each. A peer that is faster than `TVSoftmax` is compared once more with as many of its iterations
as fit into the peer's time. A peer that is not installed is left out. No target is set.
"""

import sys
from contextlib import ExitStack
from typing import NamedTuple

import harness
import regularisers_layers as layers
import regularisers_peers as peers
import regularisers_task as task
from harness import Comparison, milliseconds

from tfapp.layers import TVSoftmax

OURS, COMPILED, FEW, MANY = "TVSoftmax", "TVSoftmax, XLA", "TVSoftmax 30", "TVSoftmax 100"
STABLE = "TVSoftmax, label_tolerance"
# Contenders with the answer, but for rounding, and therefore the lambda of another.
ANSWER_OF = {
    COMPILED: OURS,
    f"{FEW}, XLA": FEW,
    f"{STABLE}, XLA": STABLE,
    "alpha-beta swap": "alpha expansion",
}
SWAPPED_CLASSES = 4  # a cycle of swaps takes a cut for each pair of classes
LEAST_LACK = 0.01  # in percent; scores are told so far, and a ratio needs something to divide by


class Result(NamedTuple):
    """What a contender does with its `weight` and its `shape`: its time per image, labels and `Scores`."""

    weight: float
    shape: object
    time: float
    labels: list
    scores: task.Scores


def main(argv=None):
    parser = harness.parser(__doc__, threads=1, repetitions=5)
    parser.add_argument(
        "--run", help="folder of `tfapp train`, whose logits take the place of synthetic ones"
    )
    parser.add_argument("--data", help="its data, such as folder:PATH (default: where the run found them)")
    parser.add_argument(
        "--images", type=int, default=2, help="validation images, and test images, at most (default: 2)"
    )
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 11], help="of synthetic logits")
    options = parser.parse_args(argv)
    harness.use_threads(options.threads)
    return harness.run(sections(options), options)


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    if options.run:
        case = task.case_of_run(options.run, options.data, 1 if options.quick else options.images)
        yield f"logits of {case.title}", lambda: compared(case, options)
        return
    side, images = (48, 1) if options.quick else (256, options.images)
    for classes in options.classes[: 1 if options.quick else None]:
        for noise in list(task.NOISES)[-1:] if options.quick else task.NOISES:
            case = task.synthetic_case(noise, side, classes, images)
            yield case.title, lambda case=case: compared(case, options)


def compared(case, options):
    """Measure all contenders on one case, print a table of them, and return the comparisons."""
    repetitions = 2 if options.quick else options.repetitions
    with ExitStack() as processes:
        contenders = contenders_of(case, options.threads, processes)
        settings = chosen_settings(contenders, case)
        results = measured(contenders, settings, case, repetitions)
        print_table(results, case)
        within = same_time(contenders, results, case, repetitions)
    return [*comparisons(results, case), *same_time_comparisons(within, results, case)]


def contenders_of(case, threads, processes):
    """Return the contenders by name: functions of a split, a weight and a shape to seconds and label maps."""
    found = {"softmax": layers.plain_softmax(case)}
    tolerance = {"label_tolerance": layers.LABEL_TOLERANCE}
    for name, given in (
        (OURS, {}),
        (MANY, {"inference_iterations": 100}),
        (FEW, {"inference_iterations": 30}),
        (STABLE, tolerance),
    ):
        found[name] = layers.tv_softmax(case, **given)
        if name != MANY:
            found[f"{name}, XLA"] = layers.tv_softmax(case, jit_compile=True, **given)
    found[f"projected gradient {layers.PAPER_ITERATIONS}, plain"] = layers.projected_gradient(case)
    for iterations in (10, 50):
        found[f"STD {iterations}, plain"] = layers.plain_threshold_dynamics(case, iterations)
        found[f"SoftThresholdDynamics {iterations}"] = layers.threshold_dynamics(case, iterations)
    for name, needed in peers.NEEDS.items():
        if name == "alpha-beta swap" and case.num_classes > SWAPPED_CLASSES:
            continue
        if not harness.missing(needed):
            found[name] = processes.enter_context(peers.InOwnProcess(name, threads, case))
    return found


def chosen_settings(contenders, case):
    """Return the weight and the shape of every contender that have the highest mIoU on the validation images."""
    settings = {}
    for name, contender in contenders.items():
        if name == "softmax":
            settings[name] = (0.0, None)
        elif name not in ANSWER_OF:
            settings[name] = chosen_setting(contender, case)
    return {name: settings[ANSWER_OF.get(name, name)] for name in contenders}


def chosen_setting(contender, case):
    """Return the weight and the shape of one contender; the same for `ANSWER_OF`'s."""

    def score(weight, shape):
        _, labels = contender("validation", weight, shape)
        return task.mean_iou_of(case, "validation", labels)

    found = {
        shape: task.chosen_weight(lambda weight, shape=shape: score(weight, shape))
        for shape in contender.shapes
    }
    shape = max(found, key=lambda shape: found[shape][1])
    return found[shape][0], shape


def measured(contenders, settings, case, repetitions):
    """Return the `Result` of every contender on the test images, with times of contenders in turn."""
    labels = {}

    def timed(name):
        def once():
            seconds, labels[name] = contenders[name]("test", *settings[name])
            return seconds

        return once

    times = milliseconds({name: timed(name) for name in contenders}, repetitions)
    return {
        name: Result(*settings[name], times[name], labels[name], task.scores_of(case, labels[name]))
        for name in contenders
    }


def print_table(results, case):
    """Print what was measured; the Potts energy, per pixel, is at one lambda for all: that of the graph cut."""
    common = results["alpha expansion" if "alpha expansion" in results else OURS].weight
    print(
        f"        {'':30s} {'lambda':>7s} {'shape':>8s} {'mIoU %':>7s} {'BF1 %':>7s} {'ms':>8s} "
        f"{f'Potts energy at {common:.3g}':>22s}"
    )
    for name, result in results.items():
        energies = [
            task.potts_energy(logits[0], labels, common)
            for (logits, _), labels in zip(case.test, result.labels, strict=True)
        ]
        print(
            f"        {name:30s} {result.weight:7.3g} {_shape_in_words(result.shape):>8s} "
            f"{100 * result.scores.mean_iou:7.2f} {100 * result.scores.boundary_f1:7.2f} {result.time:8.2f} "
            f"{sum(energies) / len(energies):22.5f}",
            flush=True,
        )


def same_time(contenders, results, case, repetitions):
    """Return, by the name of each peer that is faster, the iterations of `TVSoftmax` in its time, and both results.

    The iterations are those that take the same time by a line through the times of 30 and of 100; lambda is chosen anew
    for them, and both are timed in turn once more.
    """
    slope = (results[MANY].time - results[FEW].time) / 70
    if slope <= 0:
        print("        too noisy to tell the time of an iteration; nothing is compared in the same time")
        return {}
    begin = results[FEW].time - 30 * slope
    most = TVSoftmax(learn_tv_weight=False).inference_iterations
    found = {}
    for name in _peers_in(results):
        iterations = round((results[name].time - begin) / slope)
        print(f"        {name}: {iterations} iterations of {OURS} take as long")
        if iterations < most and results[name].time < results[OURS].time:
            found[name] = max(1, iterations)
    within = {}
    for name, iterations in found.items():
        pair = {
            OURS: layers.tv_softmax(case, inference_iterations=iterations),
            name: contenders[name],
        }
        settings = {OURS: chosen_setting(pair[OURS], case), name: results[name][:2]}
        both = measured(pair, settings, case, repetitions)
        within[name] = (iterations, both)
        print(
            f"        {iterations} iterations, lambda {both[OURS].weight:.3g}, in turn with {name}: mIoU "
            f"{100 * both[OURS].scores.mean_iou:.2f} %, BF1 {100 * both[OURS].scores.boundary_f1:.2f} %, "
            f"{both[OURS].time:.2f} ms to {both[name].time:.2f} ms",
            flush=True,
        )
    return within


def comparisons(results, case):
    """Return what `TVSoftmax` takes, and lacks, beside each peer; and its variants beside its defaults."""
    rows = []
    for name in _peers_in(results):
        for ours, mode in ((OURS, "graph"), (COMPILED, "XLA")):
            claim = f"{case.title}: {OURS}, {mode}: {name}"
            rows.append(Comparison(claim, results[ours].time, results[name].time, "ms"))
        rows += _lacks(f"{case.title}, {{}}: {OURS}: {name}", results[OURS], results[name])
    for name in (FEW, STABLE):
        for variant, whole, mode in ((name, OURS, "graph"), (f"{name}, XLA", COMPILED, "XLA")):
            claim = f"{case.title}: {name}, {mode}: {OURS}"
            rows.append(Comparison(claim, results[variant].time, results[whole].time, "ms"))
        rows += _lacks(f"{case.title}, {{}}: {name}: {OURS}", results[name], results[OURS])
    return rows + _lacks(f"{case.title}, {{}}: {OURS}: softmax", results[OURS], results["softmax"])


def same_time_comparisons(within, results, case):
    """Return the same of as many iterations as fit into the time of a faster peer."""
    rows = []
    for name, (iterations, pair) in within.items():
        claim = f"{case.title}: {OURS} {iterations}: {name}"
        rows.append(Comparison(claim, pair[OURS].time, pair[name].time, "ms"))
        rows += _lacks(f"{case.title}, {{}}: {OURS} {iterations}: {name}", pair[OURS], results[name])
    return rows


def _lacks(claim, ours, other):
    """Return comparisons of what is missing from 100 % mIoU and from 100 % boundary F1."""
    return [
        Comparison(
            claim.format(title),
            *(max(100 * (1 - getattr(result.scores, field)), LEAST_LACK) for result in (ours, other)),
            "%",
        )
        for field, title in (("mean_iou", "lack of mIoU"), ("boundary_f1", "lack of BF1"))
    ]


def _peers_in(results):
    return [name for name in results if name != "softmax" and not name.startswith(OURS)]


def _shape_in_words(shape):
    if shape is None:
        return ""
    return "x".join(f"{part:g}" for part in (shape if isinstance(shape, tuple) else (shape,)))


if __name__ == "__main__":
    sys.exit(main())
