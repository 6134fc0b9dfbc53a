"""Studies `tv-figure-1` to `tv-figure-7`: the figures of Jia, Liu and Tai, from the runs that the tables train too."""

from tfapp.reproduce.study import Result, Study, as_set, files_of, with_signature
from tfapp.reproduce.tv.options import check_models, config_for, parameters_of, spec_for
from tfapp.reproduce.tv.panels import FIGURES, CurveFigure
from tfapp.reproduce.tv.tables import ASSUMED as ASSUMED_OF_TRAINING
from tfapp.reproduce.tv.tables import SCALES, SOURCE, TEST_IMAGES


def study_of(figure):
    """Return the `Study` of a `CurveFigure` or an `ExampleFigure`."""

    def make(*, data, out, scale, seeds, overwrite, progress, command, **options):
        return make_figure(
            figure, data, out, scale, seeds, options, overwrite=overwrite, progress=progress, command=command
        )

    make = with_signature(make, parameters_of(figure.subject))
    assumed = (*figure.assumed, ASSUMED_OF_TRAINING)
    return Study(f"tv-figure-{figure.number}", figure.heading, SOURCE, assumed, SCALES, make, trains=True)


def make_figure(figure, data, out, scale, seeds, options, *, overwrite, progress, command):
    """Train the pairs that a figure shows, or find those that were trained for a table in `out`, and draw it.

    Args:
        figure: A `CurveFigure` or an `ExampleFigure`; the latter shows the first seed.
        data: Folder of its data, or `READER:PATH`.
        out: Folder to write to.
        scale: One of `SCALES`.
        seeds: Seeds of training.
        options: The other options of the study, by name.
        overwrite: Whether to remove the runs in `out` first.
        progress, command: As of `Study.run`.
    """
    from tfapp.reproduce.tv import drawing
    from tfapp.reproduce.tv.pairs import choose_weights, train_pairs

    check_models(f"Figure {figure.number}", figure.models, options)
    subject, is_curve = figure.subject, isinstance(figure, CurveFigure)
    spec = spec_for(subject, data, f"Figure {figure.number} is made of {subject.data}", progress.say)
    # Of both models before the first is trained.
    configs = {model: config_for(subject, model, spec, scale, options) for model in figure.models}
    seeds = seeds if is_curve else seeds[:1]
    runs = {
        model: train_pairs(spec, out / f"model-{model}", config, seeds, overwrite, progress)
        for model, config in configs.items()
    }
    name = f"tv-figure-{figure.number}"
    if is_curve:
        measured = drawing.measure_curves(runs, TEST_IMAGES[scale], progress)
        written = files_of(out, name, ".md", ".csv", ".png")
        table = drawing.write_curves(figure, measured, command, as_set(SCALES[scale], command), written)
        return Result([table], written)
    [pair] = choose_weights(runs[figure.models[0]], progress, options.get("post_tv"))
    written = files_of(out, name, ".md", ".png")
    drawing.write_examples(figure, pair, command, as_set(SCALES[scale], command), written)
    return Result([*figure.assumed], written)


STUDIES = tuple(study_of(figure) for figure in FIGURES.values())
