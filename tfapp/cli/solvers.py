"""`tfapp solvers compare`, `lipschitz`, `paths` and `plane`, and the group that all commands of solvers stand in."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli import solvers_search
from tfapp.cli.config_file import ConfigFile
from tfapp.cli.console import (
    ConsoleProgress,
    TensorFlowCommand,
    console,
    in_flags,
    print_table,
    print_written,
    resumes,
)
from tfapp.cli.options import BatchNorm, chosen_solvers, parse_seeds, typed
from tfapp.cli.sources import InputScale, typed_scale
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.report.result_table import ResultTable

Option = typer.Option
_FUNCTIONS = ("f1", "f2", "f3", "rosenbrock", "parabola", "separable", "reddi")
_STEPS = {"rosenbrock": 4000, "parabola": 200, "separable": 2000, "reddi": 10000}
app = typer.Typer(help="Compare solvers, and minimise with a certificate.", no_args_is_help=True)


@resumes
def compare(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(help="digits, or mnist:PATH, fashion-mnist:, cifar10:, imagenet:, folders:PATH."),
    ],
    out: Annotated[Path, Option(help="Folder of trainings and results; a killed comparison resumes.")],
    model: Annotated[
        str, Option(help="lenet-5, lenet-mnist, lenet-cifar10, two-layer, resnet-18, ...")
    ] = "lenet-5",
    loss: Annotated[
        str, Option(help="cross-entropy, or tanh-mse: the squared error of tanh of the scores to 1 and -1.")
    ] = "cross-entropy",
    solvers: Annotated[
        str,
        Option(
            help="Of bpgrad, bpgrad-auto, bpgrad-plain, sgd, sgd-momentum, nesterov, adagrad, adadelta, rmsprop, adam, "
            "amsgrad, nadam, eve, alig; comma-separated. SOLVER=VALUE sets its learning rate or L and leaves out the "
            "search; rates by epoch are such as 0.05/0.005@31, 0.1..0.0001, or 0.1@cosine+warmup=5 with a schedule of "
            "`tfapp train`. SOLVER=VALUE:OPTION=VALUE sets more, such as adam=0.01:beta_1=0.99. Or a name of `tfapp "
            "solvers presets`."
        ),
    ] = "all",
    seeds: Annotated[str, Option(help="Seeds of initial weights and batches, comma-separated.")] = "0,1,2",
    epochs: Annotated[int, Option(min=1, help="Epochs of every training.")] = 5,
    grid_epochs: Annotated[
        int, Option(min=0, help="Epochs of the search for the parameters, on validation images; 0: none.")
    ] = 2,
    batch_size: Annotated[int, Option(min=1, help="Images per batch.")] = 100,
    weight_decay: Annotated[float, Option(help="In the objective, of all solvers.")] = 0.0005,
    train_images: Annotated[
        int | None, Option(help="Take the first so many training images.", show_default="all")
    ] = None,
    size: Annotated[
        int | None, Option(help="Resize images to squares of this side.", show_default="their own")
    ] = None,
    augment: Annotated[
        str, Option(help="none, mirror, crop, crop-mirror, or batch-mirror: all of a batch or none.")
    ] = "none",
    rate_factors: Annotated[
        str,
        Option(
            help="Factors of the learning rate by variable, such as kernel=0.1,bias=2; BPGrad and ALI-G have none.",
            show_default="none",
        ),
    ] = "",
    batch_norm: BatchNorm = None,
    dask: Annotated[
        str | None, Option(help="local, or a Dask scheduler's address: trainings at the same time.")
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the trainings in --out.")] = False,
    config_file: ConfigFile = None,
):
    """Train one network by every solver: same initial weights, batches and objective; best parameters by search."""
    from tfapp.data import open_classification
    from tfapp.solvers.trainings.comparison import compare_solvers
    from tfapp.solvers.trainings.workload import LOSSES, Workload

    if loss not in LOSSES:
        raise InputError(f"Unknown --loss {loss!r}; choose one of: {', '.join(LOSSES)}.")
    # The full path, so that the command resumes from any folder.
    spec = open_classification(data).spec
    workload = Workload(
        *(spec, model, batch_size, weight_decay, train_images, size, augment),
        rate_factors=rate_factors,
        loss="" if loss == LOSSES[0] else loss,
        batch_norm=batch_norm,
    )
    options = {"command": typed(context), "dask": dask, "overwrite": overwrite, "progress": ConsoleProgress()}
    comparison, remarks, written = compare_solvers(
        workload, chosen_solvers(solvers), parse_seeds(seeds), epochs, grid_epochs, out, **options
    )
    print_table(comparison.table())
    for remark in remarks:
        console.print(remark)
    print_written(*written)


def lipschitz(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Compiled .keras file, or a network such as lenet-5.")
    ],
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:, imagenet:"),
    ],
    out: Annotated[Path, Option(help="Folder for lipschitz.json, slopes.csv and slopes.png.")],
    momentum: Annotated[float, Option(help="Momentum of the BPGrad to come; in [0, 1).")] = 0.9,
    steps: Annotated[int, Option(help="Steps of SGD.")] = 100,
    batch_size: Annotated[int, Option(help="Images per batch, as in the training to come.")] = 100,
    learning_rate: Annotated[float, Option(help="Learning rate of the SGD.")] = 0.01,
    quantile: Annotated[float, Option(help="Which quantile of the slopes to take; in (0, 1].")] = 0.99,
    mode: Annotated[
        str, Option(help="trajectory; or inits: random initialisations, which show why not to use them.")
    ] = "trajectory",
    pairs: Annotated[str, Option(help="successive steps, or all; all with --own-batches.")] = "successive",
    own_batches: Annotated[
        bool, Option("--own-batches", help="Each loss at its own batch, as the official code.")
    ] = False,
    weight_decay: Annotated[float, Option(help="Of a built-in network.")] = 0.0005,
    input_scale: InputScale = 1.0,
    seed: Annotated[int, Option(min=0, help="Of the order of the images and of built-in weights.")] = 0,
):
    """Estimate the Lipschitz constant of a training loss for BPGrad."""
    from tfapp.files import write_json
    from tfapp.optimizers import estimate_lipschitz
    from tfapp.solvers.bounds.lipschitz import (
        USELESS,
        estimate_json,
        estimate_rows,
        save_slopes_png,
        write_slopes,
    )
    from tfapp.solvers.trainings.classifier_source import open_classifier

    check_folder(out)
    source = {"batch_size": batch_size, "weight_decay": weight_decay}
    typed_white = typed_scale(context, input_scale)
    network, batches, white, reason = open_classifier(
        model, data, seed=seed, input_scale=typed_white, **source
    )
    if reason and typed_white is None:
        console.print(
            f"{model} gets images with {white:g} for white: {reason}.", soft_wrap=True, highlight=False
        )
    source["input_scale"] = white
    options = {"steps": steps, "learning_rate": learning_rate, "mode": mode, "pairs": pairs}
    options |= {"same_batch": not own_batches, "quantile": quantile, "momentum": momentum, "seed": seed}
    try:
        with console.status("measuring slopes"):
            estimate = estimate_lipschitz(network, batches, **options)
    except ValueError as error:
        raise InputError(str(error)) from error
    print_table(ResultTable(("what", model), estimate_rows(estimate)))
    if mode == "inits":
        console.print(in_flags(USELESS, context.command), soft_wrap=True, highlight=False)
    written = [out / name for name in ("lipschitz.json", "slopes.csv", "slopes.png")]
    settings = {"command": typed(context), "model": model, "data": data} | source | options
    with claimed(out, waiting=ConsoleProgress().say):
        write_json(written[0], estimate_json(estimate, settings))
        write_slopes(estimate, written[1])
        save_slopes_png(estimate, written[2])
    print_written(*written)


def paths(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help=f"{', '.join(_FUNCTIONS)}.")],
    out: Annotated[Path, Option(help="Folder for the table, the numbers and the figures.")],
    solvers: Annotated[
        str,
        Option(
            help="Of bpgrad, bpgrad-auto, bpgrad-plain, sgd, sgd-momentum, nesterov, adagrad, adadelta, rmsprop, adam, "
            "amsgrad, nadam, eve, alig; comma-separated; SOLVER=VALUE sets its learning rate or L, "
            "SOLVER=VALUE:OPTION=VALUE more, such as adam=0.01:beta_1=0.99. Or a name of `tfapp solvers presets`."
        ),
    ] = "all",
    steps: Annotated[
        int | None,
        Option(
            min=1,
            help="Updates.",
            show_default="1000; rosenbrock 4000, parabola 200, separable 2000, reddi 10000",
        ),
    ] = None,
    start: Annotated[
        str | None, Option(help="Start, coordinates comma-separated.", show_default="the function's")
    ] = None,
):
    """Run solvers on an analytic function, the ellipsoidal parabola, Wilson's separable example or Reddi's."""
    if function not in _FUNCTIONS:
        raise InputError(f"Unknown function {function!r}; choose one of: {', '.join(_FUNCTIONS)}.")
    check_folder(out)
    from tfapp.solvers.paths.comparison import compare_paths
    from tfapp.solvers.paths.solvers import solvers_on

    chosen = solvers_on(function, chosen_solvers(solvers))
    options = {"command": typed(context), "progress": ConsoleProgress()}
    count = steps or _STEPS.get(function, 1000)
    start = _start(function, start)
    with claimed(out, waiting=options["progress"].say):
        tables, written = compare_paths(function, chosen, count, start, out, **options)
    for table in tables:
        print_table(table)
    print_written(*written)


def _start(function, text):
    """Return the point that --start means on a function, None of None."""
    from tfapp.solvers.search.functions import FUNCTIONS

    if text is None:
        return None
    if function in ("separable", "reddi"):
        raise InputError(f"{function} starts at 0, as its authors have it; leave out --start.")
    if function == "parabola":
        return _point(text, 2)
    point, (low, high) = _point(text, FUNCTIONS[function].dimension), FUNCTIONS[function].bounds[0]
    if len(point) == 1 and not low <= point[0] <= high:
        raise InputError(f"{function} is a function on [{low:g}, {high:.4g}]; got --start {text}.")
    return point


def _point(text, dimension):
    try:
        point = tuple(float(part) for part in text.split(","))
    except ValueError:
        point = ()
    if len(point) != dimension or not all(abs(x) < float("inf") for x in point):
        raise InputError(
            f"--start {text!r} is not understood; expected {dimension} number{'s' * (dimension > 1)} such as "
            f"{','.join(['2.5'] * dimension)}."
        )
    return point


@resumes
def plane(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:PATH.")],
    out: Annotated[Path, Option(help="Folder of trainings, surface and figure; a killed command resumes.")],
    model: Annotated[str, Option(help="lenet-5, lenet-mnist, lenet-cifar10, two-layer, ...")] = "lenet-5",
    solvers: Annotated[
        str,
        Option(help="As in `tfapp solvers compare`; SOLVER=VALUE sets its learning rate or L."),
    ] = "bpgrad,bpgrad-plain,sgd-momentum,adam",
    epochs: Annotated[int, Option(min=1, help="Epochs of every training.")] = 3,
    batch_size: Annotated[int, Option(min=1, help="Images per batch.")] = 100,
    weight_decay: Annotated[float, Option(help="In the objective, of all solvers.")] = 0.0005,
    train_images: Annotated[
        int | None, Option(help="Take the first so many training images.", show_default="all")
    ] = None,
    samples: Annotated[int, Option(min=1, help="Training images that the surface is measured on.")] = 500,
    grid: Annotated[int, Option(min=3, help="Points of the surface along each axis.")] = 33,
    seed: Annotated[int, Option(min=0, help="Of the initial weights and the order of the batches.")] = 0,
    overwrite: Annotated[bool, Option(help="Start again, removing what is in --out.")] = False,
):
    """Train one network by several solvers from the same weights, and draw their paths in one plane of its loss."""
    from tfapp.data import open_classification
    from tfapp.solvers.paths.plane import draw_plane
    from tfapp.solvers.trainings.workload import Workload

    chosen = chosen_solvers(solvers)
    check_folder(out)
    images = open_classification(data)
    if not hasattr(images.train, "images"):
        raise InputError(f"The plane needs images in memory; {data} reads them one by one from files.")
    workload = Workload(images.spec, model, batch_size, weight_decay, train_images)
    table, written = draw_plane(
        workload,
        chosen,
        seed,
        epochs,
        out,
        f"{workload.model} on {data.partition(':')[0]}",
        samples=samples,
        grid=grid,
        command=typed(context),
        overwrite=overwrite,
        progress=ConsoleProgress(),
    )
    print_table(table)
    print_written(*written)


def presets():
    """List settings of solvers that papers name, for `--solvers`, each with its line in the paper."""
    from tfapp.reproduce.bpgrad import published

    for preset in published.presets().values():
        console.print(
            f"[bold]{preset.name}[/bold]: {preset.of} ({preset.source})", soft_wrap=True, highlight=False
        )
        for setting, line in zip(preset.solvers, preset.lines, strict=True):
            # Whole, on lines of their own: to be copied, and to be compared with the text.
            console.print(f"  {setting}\n      {line}", soft_wrap=True, highlight=False, markup=False)
        for remark in preset.remarks:
            console.print(f"  {remark}", soft_wrap=True, highlight=False, markup=False)


app.command("compare", cls=TensorFlowCommand)(compare)
app.command("lipschitz", cls=TensorFlowCommand)(lipschitz)
app.command("minimise", cls=TensorFlowCommand)(solvers_search.minimise)
app.command("paths", cls=TensorFlowCommand)(paths)
app.command("plane", cls=TensorFlowCommand)(plane)
app.command("presets")(presets)
app.command("search", cls=TensorFlowCommand)(solvers_search.search)
