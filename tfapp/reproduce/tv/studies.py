"""Studies `tv-table-1` to `tv-table-6`: the tables of Jia, Liu and Tai."""

from tfapp.reproduce.study import Result, Study, with_signature
from tfapp.reproduce.tv.options import check_models, config_for, parameters_of, spec_for
from tfapp.reproduce.tv.tables import ASSUMED, BASELINE, SCALES, SOURCE, TABLES, TEST_IMAGES


def study_of(table):
    """Return the `Study` of a `TVTable`."""

    def make(*, data, out, scale, seeds, overwrite, progress, command, **options):
        return make_table(
            table, data, out, scale, seeds, options, overwrite=overwrite, progress=progress, command=command
        )

    make = with_signature(make, parameters_of(table.subject))
    return Study(table.name, table.heading, SOURCE, (ASSUMED, BASELINE), SCALES, make, trains=True)


def make_table(table, data, out, scale, seeds, options, *, overwrite, progress, command):
    """Train the pairs of a table, evaluate them, and write its files.

    Args:
        table: A `TVTable`.
        data: Folder of its data, or `READER:PATH`.
        out: Folder to write to.
        scale: One of `SCALES`.
        seeds: Seeds of training.
        options: The other options of the study, by name.
        overwrite: Whether to remove the table's runs in `out` first.
        progress, command: As of `Study.run`.
    """
    from tfapp.reproduce.tv.pairs import choose_weights, evaluate_pairs, train_pairs
    from tfapp.reproduce.tv.results import TVResult, write_table

    check_models(f"Table {table.number}", (table.model_number,), options)
    subject, model = table.subject, table.model_number
    spec = spec_for(subject, data, f"Table {table.number} is made of {subject.data}", progress.say)
    config = config_for(subject, model, spec, scale, options)
    runs = train_pairs(spec, out / f"model-{model}", config, seeds, overwrite, progress)
    pairs = choose_weights(runs, progress, options.get("post_tv"))
    comparison = evaluate_pairs(pairs, TEST_IMAGES[scale], progress)
    result = TVResult(table, scale, command, pairs, comparison)
    shown = [*comparison.tables(), *comparison.remarks(), *result.beside(), *result.remarks, result.weights()]
    return Result(shown, write_table(result, out))


STUDIES = tuple(study_of(table) for table in TABLES.values())
