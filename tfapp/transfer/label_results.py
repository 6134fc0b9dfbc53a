"""What a run's features are worth by the number of labels: measured, written, drawn."""

from tfapp.average_precision import AREA
from tfapp.claims import claiming
from tfapp.errors import InputError
from tfapp.files import write_json, write_text
from tfapp.report.result_table import document
from tfapp.runs.progress import SILENT, steps
from tfapp.transfer.alternatives import (
    joined,
    network_features,
    sized_features,
    untrained_features,
    with_alternatives,
)
from tfapp.transfer.config import TARGETS
from tfapp.transfer.feature_names import JOINED, LOW, OURS_AT, SERVED_AT, TRANSFERRED, UNTRAINED, title_of
from tfapp.transfer.few_labels import (
    FOLDER,
    LABELS,
    curves_from,
    curves_table,
    differences_table,
    label_draws,
    labels_remark,
    measure_curve,
    short_of,
)
from tfapp.transfer.label_pictures import save_labels_png
from tfapp.transfer.results import open_compared, write_page


@claiming("path", waits=True)
def measure_labels_of_run(
    path,
    counts,
    form=AREA,
    classes=None,
    *,
    draws=10,
    networks=1,
    also=(),
    skip_bad=None,
    progress=SILENT,
    title="",
):
    """Fit classifiers to few labels of each class, by many draws and with several networks, and write the curves.

    What was measured of the same features is kept in the folder of the run: a killed command resumes.

    Args:
        path, form, classes, skip_bad, progress, title: As for `open_compared`.
        counts: Labels of each class, as `parse_counts` returns them.
        draws: Draws of the images with labels, the same for all features.
        networks: Networks of each kind, with the seeds from that of the run on.
        also: Names of further features, as `parse_alternatives` returns them.

    Returns:
        (the content of `labels.json`, the list of the files that were written).

    Raises:
        InputError: As `open_compared` and `with_alternatives`.
    """
    for name, value in (("draws", draws), ("networks", networks)):
        if value < 1:
            raise InputError(f"`{name}` must be at least 1; got {value}.")
    run, compared = open_compared(path, form, classes, skip_bad=skip_bad, progress=progress, title=title)
    seeds = range(run.config.seed, run.config.seed + networks)
    with steps(progress, title) as show:
        compared = with_alternatives(run, compared, also, show)
        features = {name: _of_seeds(run, compared, name, seeds, show) for name in compared.features}
        fits = sum(len(label_draws(compared.targets[0], count, draws, 0)) for count in counts)
        total, done, measured = fits * sum(map(len, features.values())), 0, []
        for name, of_seeds in features.items():
            shown = title_of(name, run.config.pseudo)

            def fitted(number, shown=shown):
                nonlocal done
                done += number
                show("classifiers of few labels", done, total, shown)

            found = [
                measure_curve(
                    one,
                    compared.targets,
                    counts,
                    run.path / FOLDER / f"{name.replace('=', '-')}-{number}.json",
                    draws=draws,
                    seed=run.config.seed,
                    form=form,
                    progress=fitted,
                )
                for number, one in enumerate(of_seeds)
            ]
            precisions = {str(count): [one[count] for one in found] for count in counts}
            measured.append({"name": name, "title": shown, "precisions": precisions})
    content = {
        "ap": form,
        "draws": draws,
        "seeds": list(seeds),
        "features": measured,
        "images": len(compared.targets[0]),
        "short": short_of(compared.targets[0], compared.class_names, counts),
        "class_names": list(compared.class_names),
        "weights": run.weights,
    }
    return content, [*write_labels(run.path, content), write_page(run)]


def _of_seeds(run, compared, name, seeds, show):
    """Return the features of a kind by the network of each seed; of those that no network gives, the one there is."""
    if name == UNTRAINED:
        return [untrained_features(run, compared, seed) for seed in seeds]
    if name.startswith((OURS_AT, SERVED_AT)):
        return [sized_features(run, compared, name, seed, show) for seed in seeds]
    if name not in (TRANSFERRED, JOINED, *TARGETS):
        return [compared.features[name]]
    pseudo = name if name in TARGETS else run.config.pseudo
    found = [network_features(run, compared, pseudo, seed, show) for seed in seeds]
    return [joined(compared.features[LOW], one) for one in found] if name == JOINED else found


def write_labels(folder, content, heading=""):
    """Write `labels.json`, `labels.md` and `figures/labels.png` into a folder, and return their paths."""
    files = [folder / LABELS, folder / "labels.md", folder / "figures" / "labels.png"]
    write_json(files[0], content)
    curves = curves_from(content)
    text = document(heading, curves_table(curves), differences_table(curves), labels_remark(content))
    write_text(files[1], text)
    save_labels_png(curves, content["images"], content["ap"], files[2])
    return files
