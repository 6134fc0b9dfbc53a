"""Write the files of one table of Jia, Liu and Tai: Markdown, CSV, the subject's two figures, the page."""

from dataclasses import replace

from tfapp.data import Noise
from tfapp.files import atomic_path, write_text
from tfapp.report.material import read_metrics
from tfapp.report.tv_figures import curve_figure, example_sheet
from tfapp.report.tv_page import write_tv_page
from tfapp.report.words import in_words
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.config import with_defaults
from tfapp.segmentation.tv_pairs import stored_pairs
from tfapp.segmentation.tv_tables import TABLES

EXAMPLE_NOISE = Noise("gaussian", 0.07)
EXAMPLES = 3


def write_table(result, out):
    """Write the files of a `TVResult` to `out` and return their paths.

    The figures show the other model of the same subject too, if `out` has its runs, made with the same
    settings from the same data.
    """
    table = result.table
    pairs, comparisons = {table.model_number: result.pairs}, {table.model_number: result.comparison}
    other = _other_model(result, out)
    if other:
        pairs[3 - table.model_number] = other
        comparisons[3 - table.model_number] = Comparison([e for pair in other for e in _evaluations(pair)])
    curve, examples = (out / f"figure-{n}.png" for n in (table.curve_figure, table.example_figure))
    with atomic_path(curve) as temporary:
        curve_figure(dict(sorted(comparisons.items()))).savefig(temporary, dpi=150)
    first = {model: of_model[0] for model, of_model in sorted(pairs.items())}
    with atomic_path(examples) as temporary:
        example_sheet(first, EXAMPLE_NOISE, EXAMPLES).save(temporary)
    captions = (_curve_caption(table, comparisons), _example_caption(table, first))
    result = replace(result, figures=list(zip((curve, examples), captions, strict=True)))
    written = [out / f"{table.name}{suffix}" for suffix in (".md", ".csv", ".html")]
    write_text(written[0], result.markdown())
    result.comparison.write_csv(written[1])
    write_tv_page(result, written[2])
    return [*written, curve, examples]


def _other_model(result, out):
    """Return the `Pair`s of the other model in `out` that were trained and tested like those of the result."""
    folder = out / f"model-{3 - result.table.model_number}"
    found = stored_pairs(folder, result.table.subject.model)
    return [pair for pair in found if _alike(pair, result.pairs[0]) and _tested(pair, result.comparison)]


def _alike(pair, other):
    return all(
        _but_for_noise(run.settings) == _but_for_noise(like.settings)
        and run.data_fingerprint == like.data_fingerprint
        for run, like in ((pair.plain, other.plain), (pair.regular, other.regular))
    )


def _but_for_noise(settings):
    return with_defaults(settings) | {"train_noise": None, "noisy_share": None}


def _tested(pair, comparison):
    evaluations = _evaluations(pair)
    images = next(iter(comparison.groups.values()))[0].images
    return len(evaluations) == len(pair.heads) and all(
        [row.noise for row in evaluation.rows] == comparison.noises and evaluation.images == images
        for evaluation in evaluations
    )


def _evaluations(pair):
    """Return the stored `Evaluation`s of a pair's three columns, as far as there are any."""
    stored = {run: {e.title: e for e in read_metrics(run)} for run in (pair.plain, pair.regular)}
    return [stored[run][title] for title, run, _ in pair.heads if title in stored[run]]


def _curve_caption(table, comparisons):
    runs = max(len(group) for comparison in comparisons.values() for group in comparison.groups.values())
    band = "; bands are the standard deviation over seeds" if runs > 1 else ""
    if len(comparisons) == 2:
        models = "Model 1 (solid) was trained on clean images, model 2 (dashed) on a noisy set"
    else:
        other = TABLES[table.number + 3 - 2 * table.model_number]
        models = (
            f"Model {table.model_number} only; tfapp reproduce {other.name} with this --out adds the other"
        )
    return f"Figure {table.curve_figure}: mIoU against the σ of Gaussian noise in the test images. {models}{band}."


def _example_caption(table, pairs):
    seed = " and ".join(dict.fromkeys(str(pair.seed) for pair in pairs.values()))
    return (
        f"Figure {table.example_figure}: test images at even steps from the list, not chosen by result, clean and "
        f"under {in_words(EXAMPLE_NOISE)}; seed {seed}. The number in an answer is the share of pixels that are right."
    )
