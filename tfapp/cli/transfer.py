"""`tfapp transfer train`, `evaluate`, `grid`, `clusters` and `tsne`."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.config_file import ConfigFile
from tfapp.cli.console import (
    ConsoleProgress,
    TensorFlowCommand,
    console,
    print_table,
    print_written,
    resumes,
)
from tfapp.cli.numbers import LIMITS
from tfapp.cli.options import MaxPixels, parse_seeds, typed
from tfapp.cli.sources import SCALE_DEFAULT, typed_scale
from tfapp.data.typed_names import comma_separated
from tfapp.errors import InputError

Option = typer.Option
Run = Annotated[Path, typer.Argument(help="Run folder of `tfapp transfer train`.")]
Form = Annotated[str, Option("--ap", help="Average precision: area, or 11-point as in VOC2007.")]
Classes = Annotated[
    str | None, Option(help="Classes to look at, comma-separated.", show_default="all of the data")
]
SkipBad = Annotated[bool, Option("--skip-bad", help="Go on without images that cannot be read.")]
app = typer.Typer(
    help="Better features of low-resolution images, learned without labels.", no_args_is_help=True
)


@resumes
def train(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(
            help="labels:PATH (labels.csv), folders:PATH (one of each class), voc2007:PATH, or digits, mnist:PATH, "
            "cifar10:PATH, imagenet:PATH."
        ),
    ],
    out: Annotated[Path, Option(help="Run folder; a killed run there resumes.")],
    backbone: Annotated[
        str,
        Option(
            help="A network of keras.applications, a .keras file of any model for images, or keras-hub:PRESET, a "
            "folder or a name of keras-hub."
        ),
    ] = "ResNet101",
    weights: Annotated[
        str | None,
        Option(help="Of keras.applications: a file without the top, or imagenet, which Keras may download."),
    ] = None,
    layer: Annotated[
        str | None,
        Option(
            help="Of a .keras file: where features are taken.",
            show_default="what its last Dense layer gets, or the output of a model without one",
        ),
    ] = None,
    input_scale: Annotated[
        float,
        Option(help="Of a .keras file or keras-hub: what it takes for white.", show_default=SCALE_DEFAULT),
    ] = 1.0,
    high: Annotated[int, Option(help="Side in pixels of sharp images, which the backbone sees.")] = 224,
    low: Annotated[
        str,
        Option(
            help="Side in pixels of poor images, before they are enlarged again; 0 keeps the size. Of several, such "
            "as 16,32,64, each image has one."
        ),
    ] = "32",
    degrade: Annotated[
        list[str] | None,
        Option(
            help="Makes poor images worse: blur=1, gaussian=0.05, jpeg=15, brightness=-0.3, ...; repeatable."
        ),
    ] = None,
    hidden: Annotated[int, Option(help="Units N1 of the first layer.")] = 1024,
    clusters: Annotated[int, Option(help="Units N2 of the second layer, and k of k-means.")] = 100,
    pseudo: Annotated[
        str,
        Option(
            help="What it learns to give: soft, how much of the sharp image belongs to each cluster; own, its cluster; "
            "nearest, the cluster that the poor image is nearest to; features, the sharp features themselves."
        ),
    ] = "soft",
    temperature: Annotated[float, Option(help="Of soft clusters: the smaller, the harder.")] = 0.2,
    solver: Annotated[
        str, Option(help="adam, sgd-momentum, bpgrad, ... as in `tfapp solvers compare`.")
    ] = "adam",
    value: Annotated[
        float | None,
        Option(
            help="Its learning rate, or L of BPGrad.",
            show_default="the solver's usual one, of sgd-momentum 0.01",
        ),
    ] = None,
    iterations: Annotated[int, Option(help="Batches in all.")] = 1000,
    decay_every: Annotated[
        int, Option(help="Iterations after which the learning rate is divided by 10; 0: never.")
    ] = 0,
    schedule: Annotated[
        str | None,
        Option(
            help="In place of --decay-every: constant, cosine, step+every=15000, plateau+patience=2500, 1/t+half=5000; "
            "each may end in +warmup=500. Counted in iterations.",
            show_default="--decay-every",
        ),
    ] = None,
    batch_size: Annotated[int, Option(help="Images per batch.")] = 1000,
    weight_decay: Annotated[float, Option(help="In the objective, of the kernels.")] = 0.0005,
    precision: Annotated[
        str, Option(help="float32, or mixed_bfloat16: faster on accelerators that have it.")
    ] = "float32",
    seed: Annotated[int, Option(help="Of clusters, weights, order and random degradations.")] = 0,
    skip_bad: Annotated[bool, Option("--skip-bad", help="Go on without images that cannot be read.")] = False,
    features_of: Annotated[
        Path | None,
        Option(
            help="Another run, whose features are taken where they are of the same images, backbone and sizes.",
            show_default="extract all",
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the run in --out.")] = False,
    config_file: ConfigFile = None,
):
    """Learn, without labels, to pull features of poor images towards clusters of features of sharp ones."""
    options = dict(locals())
    from tfapp.transfer.config import SOFT, TransferConfig
    from tfapp.transfer.run import TransferRun
    from tfapp.transfer.training import train as run_training

    begun = TransferRun.begun(out, overwrite)
    for name, value in ({} if begun is None else begun.defaults).items():
        if context.get_parameter_source(name).name == "DEFAULT":
            options[name] = value
    options["low"], *further = _sides(low)
    options["further_low"] = tuple(further)
    options["input_scale"] = typed_scale(context, input_scale)
    options["degrade"] = tuple(degrade or ())
    options["features_of"] = None if features_of is None else str(features_of)
    if options["pseudo"] != SOFT and context.get_parameter_source("temperature").name != "DEFAULT":
        raise InputError(f"`temperature` is for `pseudo` {SOFT}; got `pseudo` {options['pseudo']}.")
    config = TransferConfig(**{field.name: options[field.name] for field in fields(TransferConfig)})
    run = run_training(
        spec, out, config, command=typed(context), overwrite=overwrite, progress=ConsoleProgress()
    )
    print_written(run.path / "transfer.keras", run.path / "history.csv")
    console.print(
        f"next: tfapp transfer evaluate {run.typed_path}", soft_wrap=True, markup=False, highlight=False
    )


def _sides(text):
    """Turn `--low` into sides in pixels, rising; None for images that keep their size."""
    try:
        sides = sorted(int(part) for part in text.split(","))
    except ValueError:
        sides = []
    most = LIMITS["low"][1]
    if not sides or not 0 <= sides[0] <= sides[-1] <= most or (0 in sides and len(sides) > 1):
        raise InputError(
            f"--low {text!r} is not understood; expected a whole number from 0 to {most:,}, or several above 0 such as "
            "16,32,64."
        )
    return [side or None for side in sides]


@resumes
def evaluate(
    context: typer.Context,
    run: Run,
    ap: Form = "area",
    classes: Classes = None,
    also: Annotated[
        str | None,
        Option(
            help="Further features beside them, comma-separated: own, nearest, soft, features (networks that learn to "
            "give these), joined (LR and ours), batch-norm (LR by a backbone with the batch statistics of poor "
            "images), side=128 (LR enlarged to 128 pixels), low=16 (LR and ours of poor images of 16 pixels).",
            show_default="none",
        ),
    ] = None,
    both_readings: Annotated[
        bool, Option(help="The same as --also own,nearest: both readings of Wu (2020).")
    ] = False,
    labels_per_class: Annotated[
        str | None,
        Option(
            help="Fit to so many labels of each class alone, such as 1,2,5,10,20,50,all, by several draws.",
            show_default="all",
        ),
    ] = None,
    draws: Annotated[int, Option(min=1, help="Of the images with labels, with --labels-per-class.")] = 10,
    networks: Annotated[
        int, Option(min=1, help="Networks of each kind, of further seeds, with --labels-per-class.")
    ] = 1,
    skip_bad: SkipBad = False,
):
    """Classifiers on sharp, poor and transferred features, tested side by side."""
    from tfapp.transfer.alternatives import parse_alternatives
    from tfapp.transfer.config import READINGS
    from tfapp.transfer.results import evaluate_run, metrics_remark, metrics_table

    if labels_per_class is None:
        for name in ("draws", "networks"):
            if context.get_parameter_source(name).name != "DEFAULT":
                raise InputError(f"`{name}` is for `labels_per_class`; give both, or neither.")
    names = dict.fromkeys([*(READINGS if both_readings else ()), *parse_alternatives(also)])
    options = {"skip_bad": skip_bad or None, "also": tuple(names), "progress": ConsoleProgress()}
    if labels_per_class is not None:
        from tfapp.transfer.few_labels import curves_from, curves_table, differences_table, parse_counts
        from tfapp.transfer.label_results import labels_remark, measure_labels_of_run

        options |= {"draws": draws, "networks": networks}
        counts = parse_counts(labels_per_class)
        content, written = measure_labels_of_run(run, counts, ap, names_of(classes), **options)
        curves = curves_from(content)
        print_table(curves_table(curves))
        print_table(differences_table(curves))
        console.print(labels_remark(content), soft_wrap=True)
        return print_written(*written)
    metrics, written = evaluate_run(run, ap, names_of(classes), **options)
    print_table(metrics_table(metrics))
    console.print(metrics_remark(metrics), soft_wrap=True)
    print_written(*written)


def names_of(classes):
    """Turn a typed list of classes into their names, `"a,b",c` into `a,b` and `c`; None stays None."""
    return None if classes is None else comma_separated(classes)


@resumes
def grid(
    run: Run,
    hidden: Annotated[str, Option(help="Values of N1, comma-separated.")] = "256,512,1024,2048",
    clusters: Annotated[str, Option(help="Values of N2 = k, comma-separated.")] = "50,100,200,500",
    seeds: Annotated[str, Option(help="Seeds of clusters and trainings, comma-separated.")] = "0",
    validation_share: Annotated[
        float, Option(help="Share of the training images held out to test on; 0: the test images.")
    ] = 0.25,
    ap: Form = "area",
    classes: Classes = None,
    skip_bad: SkipBad = False,
    dask: Annotated[
        str | None, Option(help="local, or a Dask scheduler's address: networks at the same time.")
    ] = None,
):
    """Transfer networks of other sizes on the features of a run, N1 x N2; a killed grid resumes."""
    from tfapp.runs.ahead import ahead_on
    from tfapp.transfer.grid import grid_remark, grid_table
    from tfapp.transfer.results import grid_of_run

    sizes = _sizes("--hidden", hidden), _sizes("--clusters", clusters), parse_seeds(seeds)
    options = {"skip_bad": skip_bad or None, "progress": ConsoleProgress()}
    options["validation_share"] = validation_share
    with ahead_on(dask):
        content, written = grid_of_run(run, *sizes, ap, names_of(classes), **options)
    print_table(grid_table(content))
    console.print(grid_remark(content))
    print_written(*written)


def _sizes(option, text):
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes:
        raise InputError(f"{option} {text!r} is not understood; expected whole numbers such as 256,512.")
    most = LIMITS["hidden"][1]
    if max(sizes) > most:
        raise InputError(f"{option} must be whole numbers of at most {most:,}; got {max(sizes)}.")
    return list(dict.fromkeys(sizes))


@resumes
def clusters(
    run: Run,
    clusters: Annotated[str, Option(help="Values of k, comma-separated.")] = "5,8,12,20,50,100,200",
    repeats: Annotated[int, Option(min=1, help="Pairs of halves.")] = 5,
    seed: Annotated[int, Option(min=0, help="Of the halves.")] = 0,
    skip_bad: SkipBad = False,
):
    """How many clusters sharp features have, without labels: whether k-means on two halves of the images agrees."""
    from tfapp.transfer.results import stability_of_run
    from tfapp.transfer.stability import stability_remark, stability_table

    sizes = _sizes("--clusters", clusters)
    options = {"repeats": repeats, "seed": seed, "skip_bad": skip_bad or None}
    content, written = stability_of_run(run, sizes, **options, progress=ConsoleProgress())
    print_table(stability_table(content))
    console.print(stability_remark(content), soft_wrap=True)
    print_written(*written)


def tsne(
    run: Run,
    split: Annotated[str, Option(help="Images to show: test, or train.")] = "test",
    images: Annotated[int, Option(min=10, help="Images to show, at most.")] = 1000,
    most_classes: Annotated[int, Option(min=1, help="Classes to show, the most frequent ones.")] = 10,
    perplexity: Annotated[float, Option(min=1.0, help="About how many neighbours an image has.")] = 30.0,
    seed: Annotated[int, Option(min=0, help="Of the choice of images and of t-SNE.")] = 0,
    classes: Classes = None,
    skip_bad: SkipBad = False,
):
    """Sharp, poor and transferred features of test images in the plane, by t-SNE."""
    options = {"most_images": images, "most_classes": most_classes, "perplexity": perplexity, "seed": seed}
    from tfapp.transfer.results import agreements_table, tsne_of_run

    options |= {"skip_bad": skip_bad or None, "progress": ConsoleProgress(), "split": split}
    embedding, written = tsne_of_run(run, names_of(classes), **options)
    print_table(agreements_table(embedding))
    print_written(*written)


app.command("train", cls=TensorFlowCommand)(train)
app.command("evaluate", cls=TensorFlowCommand)(evaluate)
app.command("grid", cls=TensorFlowCommand)(grid)
app.command("clusters", cls=TensorFlowCommand)(clusters)
app.command("tsne", cls=TensorFlowCommand)(tsne)
