"""Further networks on the features of a run, and mean average precision over the sizes of the layers."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from tfapp.average_precision import FORMS
from tfapp.claims import claimed
from tfapp.errors import InputError
from tfapp.files import write_json, write_text
from tfapp.records import Entries, ListOf, Number, OneOf, TableOf, Text, Whole, read_record
from tfapp.report.result_table import ResultTable, document, mean_and_spread
from tfapp.runs.ahead import do_ahead, is_ahead
from tfapp.runs.progress import SILENT
from tfapp.runs.record import keep_settings, other_settings
from tfapp.transfer.classifiers import COSTS, check_examples
from tfapp.transfer.evaluation import assess, gather, transferred
from tfapp.transfer.feature_names import HIGH, LOW, TRANSFERRED
from tfapp.transfer.network import MODEL, k_means_centroids, train_network
from tfapp.transfer.run import TransferRun
from tfapp.transfer.targets import targets_of

GRID, GRID_FOLDER, CELL, CONFIG = "grid.json", "grid", "cell.json", "config.json"
VALIDATION_SHARE, _DRAWS = 0.25, 100
_CELL_ENTRIES = Entries({"classes": ListOf(Text()), "costs": ListOf(Number()), "mean": TableOf(Number())})
_CELLS = Entries(
    {
        "hidden": Whole(1),
        "clusters": Whole(2),
        "seed": Whole(0),
        "mean": Entries({form: Number(0, 1) for form in FORMS}),
    }
)
GRID_ENTRIES = Entries(
    {"ap": OneOf(FORMS), "low": Number(), "high": Number(), "cells": ListOf(_CELLS)},
    # Earlier grids were scored on the test images.
    {"validation_share": Number(0, 1)},
)


def cells(hidden, clusters, seeds):
    """Return {"hidden", "clusters", "seed"} of every training."""
    return [{"hidden": n1, "clusters": n2, "seed": seed} for n1, n2, seed in product(hidden, clusters, seeds)]


def check_cells(chosen, images):
    """Raise InputError for sizes out of range, or more clusters than images."""
    most = max(cell["clusters"] for cell in chosen)
    if most > images:
        raise InputError(
            f"`clusters` {most} is more than the {images} training images; give at most that many."
        )
    if min(cell["hidden"] for cell in chosen) < 1 or min(cell["clusters"] for cell in chosen) < 2:
        raise InputError("The sizes must be at least 1 for `hidden` and 2 for `clusters`.")


def with_held_out(compared, share, seed):
    """Return the plain features with a share of the training images in place of the test images.

    Args:
        compared: `ComparedFeatures`.
        share: In [0, 1); 0 leaves the test images.
        seed: Of the draw.

    Raises:
        InputError: A share out of its range, or a class that one of both parts lacks.
    """
    if not 0 <= share < 1:
        raise InputError(f"`validation_share` must lie in [0, 1); got {share}.")
    features = {name: compared.features[name] for name in (HIGH, LOW)}
    if not share:
        return replace(compared, features=features)
    targets, rng = compared.targets[0], np.random.default_rng([seed, 0x6E1D])
    # Of few images some draws leave a part without one of a class.
    for _ in range(_DRAWS):
        held, left = np.split(rng.permutation(len(targets)), [max(1, round(share * len(targets)))])
        parts = tuple(targets[np.sort(places)] for places in (left, held))
        if all((part == sign).any(0).all() for part in parts for sign in (1, -1)):
            break
    for part, use in zip(parts, ("fitted to", "held out"), strict=True):
        try:
            check_examples(part, compared.class_names, f"training images that are {use}")
        except InputError as error:
            raise InputError(f"{error} Or give another `validation_share` than {share:g}.") from None
    split = {
        name: tuple(fitting[np.sort(places)] for places in (left, held))
        for name, (fitting, _) in features.items()
    }
    return replace(compared, features=split, targets=parts, held_out=share)


def measure_ahead(
    run, compared, chosen, *, classes=None, skip_bad=None, progress=SILENT, title="", **options
):
    """Have the workers of `tfapp.runs.ahead.ahead_on`, if there are any, measure those of some cells that are left.

    Args:
        run, compared: As for `measure_cell`, which finds the cells done.
        chosen: List of `cells`.
        classes, skip_bad: As `compared` was gathered with.
        progress: `Progress`.
        title: Text before the name of its task.
        **options: Of `measure_cell`.

    Raises:
        InputError, WorkFailed: As `do_ahead`; as `measure_cell`.
    """
    if not is_ahead():
        return
    left = [cell for cell in chosen if _stored_mean(run, compared, cell, **options) is None]
    # A worker may have been started in another folder.
    call = run.path.absolute(), classes, skip_bad, compared.held_out
    do_ahead(_measure, [((*call, cell), options) for cell in left], progress, f"{title}cells ahead")


def _measure(path, classes, skip_bad, share, cell, **options):
    run = TransferRun.open(path)
    # The features are in the folder of the run: no image is read for them again.
    compared = with_held_out(gather(run, classes=classes, skip_bad=skip_bad), share, run.config.seed)
    # Where a worker was lost, what it began may not have ended yet.
    with claimed(_folder_of(run, cell, share), waiting=SILENT.say):
        measure_cell(run, compared, cell, **options)


def measure_cell(run, compared, cell, *, costs=COSTS, progress=None):
    """Train one network of the grid and test its features; what was finished is not done again.

    Args:
        run: `TransferRun`, with whose other settings the network is trained.
        compared: Its features, as `with_held_out` returns them.
        cell: One of `cells`.
        costs: As `fit_classifiers`.
        progress: Function of (iterations done, iterations in all, text), or None.

    Returns:
        The cell with `mean`, {form: mean average precision}.

    Raises:
        InputError: The folder of the cell has a result of other settings or classes.
        TrainingDiverged: The loss became NaN or infinite.
    """
    mean = _stored_mean(run, compared, cell, costs)
    if mean is None:
        folder = _folder_of(run, cell, compared.held_out)
        features = features_of(run, compared, folder, cell, progress)
        alone = replace(compared, features={TRANSFERRED: features})
        mean = assess(alone, TRANSFERRED, seed=run.config.seed, costs=costs).mean
        write_json(folder / CELL, {**_tested_on(compared, costs), "mean": mean})
    return {**cell, "mean": mean}


def _stored_mean(run, compared, cell, costs=COSTS):
    """Return the `mean` that the folder of a cell has for these classes and costs, or None."""
    folder = _folder_of(run, cell, compared.held_out)
    _keep_config(replace(run.network_config, **cell), folder, folder.parent)
    if not (folder / CELL).is_file():
        return None
    stored = read_record(folder / CELL, _CELL_ENTRIES, "remove it and run the same command again.")
    wanted = _tested_on(compared, costs)
    return stored["mean"] if {name: stored.get(name) for name in wanted} == wanted else None


def _tested_on(compared, costs):
    return {"classes": list(compared.class_names), "costs": list(costs)}


def _folder_of(run, cell, share):
    sizes = {name: cell[name] for name in ("hidden", "clusters", "seed")}
    grid = f"{GRID_FOLDER}-held-out-{share:g}" if share else GRID_FOLDER
    return run.path / grid / "n1-{hidden}-n2-{clusters}-seed-{seed}".format(**sizes)


def is_grid_current(run, content):
    """Return whether the cells of a `grid.json` were trained with the settings that a run has now, as far as is known.

    A run that was trained further has more iterations than they.
    """
    for cell in content["cells"]:
        file = _folder_of(run, cell, content.get("validation_share", 0.0)) / CONFIG
        sizes = {name: cell[name] for name in ("hidden", "clusters", "seed")}
        if file.is_file() and other_settings(
            replace(run.network_config, **sizes).to_json(), read_record(file, TableOf(), "remove its folder.")
        ):
            return False
    return True


def grid_of(measured, low, high, form, validation_share=0.0):
    """Return the content of `grid.json`.

    Args:
        measured: What `measure_cell` returned, one for every cell.
        low, high: Mean average precisions without a transfer, {form: number}.
        form: The one that tables show.
        validation_share: As of `with_held_out`.
    """
    content = {"ap": form, "low": low[form], "high": high[form], "cells": measured}
    return content | {"validation_share": validation_share}


def write_grid(folder, content, heading="", *blocks):
    """Write `grid.json` and, below a paragraph and above further blocks, `grid.md` into a folder; return the paths."""
    files = [Path(folder) / GRID, Path(folder) / "grid.md"]
    write_json(files[0], content)
    write_text(files[1], document(heading, f"{grid_remark(content)}.", grid_table(content), *blocks))
    return files


def grid_table(content) -> ResultTable:
    """Return the table of a grid: N1 downwards, N2 to the right, means over seeds in percent."""
    form, measured = content["ap"], content["cells"]
    hidden, clusters = (sorted({cell[name] for cell in measured}) for name in ("hidden", "clusters"))
    found = {
        (n1, n2): [
            100 * cell["mean"][form] for cell in measured if (cell["hidden"], cell["clusters"]) == (n1, n2)
        ]
        for n1, n2 in product(hidden, clusters)
    }
    rows = [[f"N1 = {n1}", *(mean_and_spread(found[n1, n2], ".2f") for n2 in clusters)] for n1 in hidden]
    return ResultTable(["", *(f"N2 = {n2}" for n2 in clusters)], rows, f"mean average precision ({form}), %")


def grid_remark(content):
    """Return what features are worth without a transfer, and on which images, as text."""
    share = content.get("validation_share", 0.0)
    images = f"{100 * share:g} % of the training images, held out" if share else "the test images"
    return f"without a transfer: LR {100 * content['low']:.2f}, HR {100 * content['high']:.2f}; on {images}"


def features_of(run, compared, folder, changes, progress=None):
    """Return the features to fit on and to test on of a network with other settings than the run's, as `network_of`."""
    network = network_of(run, compared, folder, changes, progress)
    return tuple(transferred(network, low) for low in compared.features[LOW])


def network_of(run, compared, folder, changes, progress=None):
    """Train a network with other settings than the run's, and return it.

    Args:
        run: `TransferRun`.
        compared: Its `ComparedFeatures`.
        folder: Of the network; a training that was finished there is not done again, one that was begun resumes.
        changes: Settings of `NetworkConfig` that are others.
        progress: Function of (iterations done, iterations in all, text), or None.

    Raises:
        InputError: The folder has a network of further other settings.
        TrainingDiverged: The loss became NaN or infinite.
    """
    from tfapp.runs.checkpoints import load_kept

    config = replace(run.network_config, **changes)
    _keep_config(config, folder, folder)
    if (folder / MODEL).is_file():
        return load_kept(folder / MODEL, f"remove {folder}")
    return train_network(folder, compared.features[LOW][0], _targets(run, compared, config), config, progress)


def _keep_config(config, folder, home):
    """Keep the settings of the network in a folder, or raise InputError that tells to remove `home` if it has others.

    A run that was trained further has more iterations than the networks that were made of it before.
    """
    keep_settings(
        folder / CONFIG,
        config.to_json(),
        f"{folder} holds a network of other settings, such as fewer iterations; remove {home} to train anew.",
    )


def _targets(run, compared, config):
    high, low = compared.features[HIGH][0], compared.features[LOW][0]
    same = (config.clusters, config.seed) == (run.config.clusters, run.config.seed) and not compared.held_out
    centroids = run.found_centroids() if same else k_means_centroids(high, config.clusters, seed=config.seed)
    return targets_of(high, low, centroids, config)
