"""The steps of a table of Jia, Liu and Tai, each under a progress bar: training, choice of lambda, test."""

from dataclasses import replace

from tfapp.cli.console import progress_bar
from tfapp.cli.train import train_with_progress


def train_table(table, spec, out, config, seeds, overwrite):
    """Train every network of a table, or go on where it stood.

    Args:
        table: The `TVTable`.
        spec: Dataset as on the command line.
        out: Folder of the table; the runs go to `model-1` or `model-2` in it.
        config: The `TrainConfig` of all runs, seed and head aside.
        seeds: Seeds of training.
        overwrite: Whether to remove existing runs first.

    Returns:
        One dictionary per seed, from head to `Run`.
    """
    from tfapp.reproduce.tv.pairs import pair_folders

    folder = out / f"model-{table.model_number}"
    jobs = [(seed, *job) for seed in seeds for job in pair_folders(folder, table.subject.model, seed).items()]
    runs = {}
    for number, (seed, head, path) in enumerate(jobs, 1):
        title = f"{path.name} {number}/{len(jobs)}"
        run = train_with_progress(
            spec, path, replace(config, head=head, seed=seed), overwrite=overwrite, title=title
        )
        runs.setdefault(seed, {})[head] = run
    return list(runs.values())


def choose_weights(runs):
    """Return the `Pair`s of what `train_table` returned, lambda chosen for each."""
    from tfapp.reproduce.tv.pairs import HEADS, WEIGHTS, Pair, chosen_weight

    pairs = []
    with progress_bar() as bar:
        task = bar.add_task("choosing λ", total=len(runs) * len(WEIGHTS), note="on validation images")
        for number, by_head in enumerate(runs, 1):
            plain, regular = (by_head[head] for head in HEADS)
            pairs.append(Pair(plain, regular, chosen_weight(plain, advance=lambda: bar.advance(task))))
            bar.update(task, completed=number * len(WEIGHTS))
    return pairs


def evaluate_pairs(pairs, test_images):
    """Return the `Comparison` of all pairs under the paper's noises; None takes all test images."""
    from tfapp.data import parse_noises
    from tfapp.reproduce.tv.pairs import evaluate_pair
    from tfapp.segmentation.comparison import Comparison

    noises = parse_noises(["paper"])
    evaluations = []
    with progress_bar() as bar:
        total = sum(len(pair.heads) for pair in pairs) * len(noises)
        task = bar.add_task("evaluating", total=total, note="")

        def advance(title):
            bar.update(task, advance=1, note=title)

        for pair in pairs:
            evaluations += evaluate_pair(pair, noises, test_images, advance=advance)
    return Comparison(evaluations)
