"""Steps of a table or figure of Lu and Tong: training, scores, sharpness, surfaces."""

from dataclasses import dataclass, replace

from tfapp.data import parse_noises
from tfapp.landscape import landscape, sharpness
from tfapp.reproduce.landscape.tables import LARGE_BATCH, REFERENCE
from tfapp.runs.ahead import do_ahead
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.evaluation import MEMBRANE, EvaluationData, Segmenter, evaluate, store_metrics
from tfapp.segmentation.restoration import evaluate_restoration, store_restoration
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

# The frames that sharpness and surfaces are measured on, the same for all networks and seeds of training.
SAMPLE_SEED = 0
SUBSPACE = 100


@dataclass(frozen=True)
class TrainedNetwork:
    """One training of a table: network, batch size and seed, and its `Run`."""

    network: str
    batch_size: int
    seed: int
    run: Run


def train_networks(table, spec, out, config, seeds, frames, overwrite, progress):
    """Train what a table compares to one training loss per seed, or resume where it stood.

    Args:
        table: The `FCNTable`.
        spec: Dataset as on the command line.
        out: Folder of all tables; those of one dataset share the runs in a folder of its name.
        config: The `TrainConfig` of all runs, network, batch size and seed aside.
        seeds: Seeds of training.
        frames: Frames of an epoch.
        overwrite: Whether to remove existing runs first.
        progress: `Progress`.

    Returns:
        A list of `TrainedNetwork`, by network, batch size and seed.
    """
    chosen = [(network, batch) for network in table.networks for batch in table.batch_sizes]
    reference = (REFERENCE, LARGE_BATCH)
    order = [reference, *(pair for pair in chosen if pair != reference)]
    total, found = len(seeds) * len(order), {}

    def call(pair, seed, until_loss):
        network, batch = pair
        path = out / table.reader / f"{network}-batch{batch}-seed{seed}"
        options = {"model": network, "batch_size": batch, "steps_per_epoch": -(-frames // batch)}
        return spec, path, replace(config, **options, seed=seed, until_loss=until_loss)

    def reached(seed):
        return read_history(call(reference, seed, None)[1])[-1]["loss"]

    # The loss that the others of a seed are to reach is that of the reference.
    begun = {"overwrite": overwrite}
    if do_ahead(
        train, [(call(reference, seed, None), begun) for seed in seeds], progress, "references ahead"
    ):
        others = [(call(pair, seed, reached(seed)), begun) for seed in seeds for pair in order[1:]]
        do_ahead(train, others, progress)
        overwrite = False
    for seed in seeds:
        for pair in order:
            arguments = call(pair, seed, None if pair == reference else reached(seed))
            title = f"{arguments[1].name} {len(found) + 1}/{total}"
            found[(*pair, seed)] = train(*arguments, overwrite=overwrite, progress=progress, title=title)
    return [TrainedNetwork(*pair, seed, found[(*pair, seed)]) for pair in chosen for seed in seeds]


def measure_scores(trained, progress):
    """Return pairs (`TrainedNetwork`, dictionary from column to number): how well each answers on its test images."""
    found = []
    with progress.task("scores", len(trained)) as task:
        for number, one in enumerate(trained):
            task(number, note=one.run.path.name)
            history = read_history(one.run.path)
            columns = {"epochs": len(history), "training loss": history[-1]["loss"]}
            score = _restoration_scores if one.run.image_pairs else _segmentation_scores
            found.append((one, columns | score(one.run)))
    return found


def _segmentation_scores(run):
    membranes = MEMBRANE in run.class_names
    evaluation = evaluate(Segmenter(run), EvaluationData(run), parse_noises([]), membranes=membranes)
    store_metrics(run, evaluation)
    clean = evaluation.clean
    columns = {
        "test loss": evaluation.loss,
        "accuracy [%]": 100 * clean.accuracy,
        "mean IoU [%]": 100 * clean.mean_iou,
    }
    if membranes:
        columns |= {"V_rand": evaluation.membranes.rand, "V_info": evaluation.membranes.information}
    return columns


def _restoration_scores(run):
    restoration = evaluate_restoration(run)
    store_restoration(run, restoration)
    given, made = restoration.means
    columns = {"PSNR [dB] as given": given.psnr, "PSNR [dB]": made.psnr}
    return columns | {"SSIM as given": given.ssim, "SSIM": made.ssim}


def measure_sharpness(trained, progress, *, samples, repeats, eps):
    """Return pairs (`TrainedNetwork`, dictionary from column to number): sharpness, among all weights and in subspaces.

    Args:
        trained: List of `TrainedNetwork`.
        progress: `Progress`.
        samples: Training frames that the loss is averaged over.
        repeats: Trials of each search.
        eps: Sizes of the box.
    """
    found = []
    for number, one in enumerate(trained, 1):
        with progress.task(f"sharpness {number}/{len(trained)}", note=one.run.path.name) as task:
            model, data = one.run.load_model(), one.run.sample("train", samples, SAMPLE_SEED)
            columns = {}
            for subspace in (None, SUBSPACE):
                results = sharpness(
                    model,
                    *data,
                    eps=eps,
                    subspace=subspace,
                    repeats=repeats,
                    path=one.run.path / "landscape" / "sharpness.json",
                    progress=task,
                )
                columns.setdefault("training loss", results[0].loss)
                where = "" if subspace is None else f", p = {subspace}"
                columns |= {f"sharpness [%], ε = {r.eps:g}{where}": r.mean for r in results}
        found.append((one, columns))
    return found


def measure_surfaces(trained, progress, *, samples, n):
    """Return the `Surface` of each training, of the same directions' seed and frames.

    Args:
        trained: List of `TrainedNetwork`.
        progress: `Progress`.
        samples: Training frames that the loss is averaged over.
        n: Points along each axis.
    """
    surfaces = []
    for number, one in enumerate(trained, 1):
        with progress.task(f"surface {number}/{len(trained)}", note=one.run.path.name) as task:
            surface = landscape(
                one.run.load_model(),
                *one.run.sample("train", samples, SAMPLE_SEED),
                n=n,
                path=one.run.path / "landscape" / f"reproduce-n{n}.npz",
                progress=task,
            )
            # A surface that was measured before this command has reported nothing.
            task(surface.num_measured, surface.num_measured)
        surfaces.append(surface)
    return surfaces
