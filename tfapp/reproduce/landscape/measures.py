"""What is measured of the trainings of a table of Lu and Tong: scores at one epoch, sharpness, surfaces."""

from tfapp.data import parse_noises
from tfapp.landscape import landscape, sharpness
from tfapp.segmentation.evaluation import MEMBRANE, EvaluationData, Segmenter, evaluate, store_metrics
from tfapp.segmentation.restoration import evaluate_restoration, store_restoration

# The frames that sharpness and surfaces are measured on, the same for all networks and seeds of training.
SAMPLE_SEED = 0
SUBSPACE = 100
KESKAR_EPS = (1e-3, 5e-4)


def measure_scores(trained, progress):
    """Return pairs (`TrainedNetwork`, dictionary from column to number): how well each answers on its test images."""
    found = []
    with progress.task("scores", len(trained)) as task:
        for number, one in enumerate(trained):
            task(number, note=one.run.path.name)
            columns = {"epochs": one.epoch, "training loss": one.losses["training loss"]}
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
    """Return pairs (`TrainedNetwork`, dictionary from column to number): the sharpness of Lu and Tong.

    Args:
        trained: List of `TrainedNetwork`.
        progress: `Progress`.
        samples: Training frames that the loss is averaged over.
        repeats: Trials of each search.
        eps: Sizes of the box.
    """
    searches = [("ε = {:g}", {"eps": eps, "box": "lu-tong"})]
    return _measure_sharpness(trained, progress, searches, samples=samples, repeats=repeats)


def measure_both_sharpnesses(trained, progress, *, samples, repeats, eps):
    """Return what `measure_sharpness` does, and the sharpness of Keskar et al., of all weights and in subspaces."""
    keskar = {"eps": KESKAR_EPS, "box": "keskar"}
    searches = [
        ("ε = {:g}", {"eps": eps, "box": "lu-tong"}),
        ("Keskar's [%], ε = {:g}", keskar),
        (f"Keskar's [%], ε = {{:g}}, p = {SUBSPACE}", keskar | {"subspace": SUBSPACE}),
    ]
    return _measure_sharpness(trained, progress, searches, samples=samples, repeats=repeats)


def _measure_sharpness(trained, progress, searches, *, samples, repeats):
    found = []
    for number, one in enumerate(trained, 1):
        with progress.task(f"sharpness {number}/{len(trained)}", note=one.run.path.name) as task:
            model, data = one.run.load_model(), one.run.sample("train", samples, SAMPLE_SEED)
            columns = {"epoch": one.epoch, **one.losses}
            for title, search in searches:
                results = sharpness(
                    model,
                    *data,
                    **search,
                    repeats=repeats,
                    path=one.file("sharpness", ".json"),
                    progress=task,
                )
                columns["loss of the frames"] = results[0].loss
                columns |= {title.format(result.eps): result.mean for result in results}
        found.append((one, columns))
    return found


def measure_surfaces(trained, progress, *, samples, n, range, directions, exact=False):
    """Return the `Surface` of each training, of the same directions' seed and frames.

    Args:
        trained: List of `TrainedNetwork`.
        progress: `Progress`.
        samples: Training frames that the loss is averaged over.
        n: Points along each axis.
        range: Half width of the window.
        directions: As of `tfapp.landscape.landscape`.
        exact: Whether to measure every point.
    """
    surfaces = []
    options = {"n": n, "range": range, "directions": directions, "exact": exact}
    # The window and directions that earlier versions had are no part of the name.
    name = f"reproduce-n{n}" if (directions, range) == ("filter", 1.0) else f"{directions}-r{range:g}-n{n}"
    for number, one in enumerate(trained, 1):
        with progress.task(f"surface {number}/{len(trained)}", note=one.run.path.name) as task:
            surface = landscape(
                one.run.load_model(),
                *one.run.sample("train", samples, SAMPLE_SEED),
                **options,
                path=one.file(name, ".npz"),
                progress=task,
            )
            # A surface that was measured before this command has reported nothing.
            task(surface.num_measured, surface.num_measured)
        surfaces.append(surface)
    return surfaces
