"""Scores of a training after each of its epochs, of which Lu and Tong list the best, and the file that keeps them."""

from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.landscape import load_trajectory
from tfapp.records import Number, TableOf, read_record
from tfapp.reproduce.landscape.trainings import EpochRun
from tfapp.segmentation.evaluation import MEMBRANE, EvaluationData, Segmenter, evaluate_membranes
from tfapp.segmentation.restoration import evaluate_restoration
from tfapp.segmentation.run import TRAJECTORY

# The class that parts the regions of the other one, by the name of the reader.
BORDERS = {"isbi2012": MEMBRANE, "drive": "vessel"}
SCORES = {
    "isbi2012": ("Rand score", "information theoretic score"),
    "drive": ("Rand score", "information theoretic score"),
    "raindrop": ("PSNR [dB]", "SSIM"),
}
FILE = "epoch-scores.json"


class ScoredData:
    """Test images for the border scores of Lu and Tong.

    DRIVE is scored at the size of the network, as all of it is resized; slices of ISBI at their own.

    Args:
        run: Finished `Run`.
        reader: Name of the reader of its data.
    """

    def __init__(self, run, reader):
        data = EvaluationData(run)
        self.dataset, self.items, self.images = data.dataset, data.items, data.images
        self.masks = [labels for _, labels in data.pairs] if reader == "drive" else data.masks


def measure_best_scores(trained, reader, every, progress):
    """Return pairs (`TrainedNetwork`, dictionary from column to number): the best scores of all epochs.

    Beside them stand those of the epoch with the smallest training loss, which no test image chose.

    Args:
        trained: List of `TrainedNetwork`, of all epochs, whose runs recorded the weights of each.
        reader: Name of the reader of the data.
        every: Epochs between two that are scored; the last one and that of the smallest training loss always are.
        progress: `Progress`.
    """
    found = []
    for number, one in enumerate(trained, 1):
        history = one.history
        smallest = min(history, key=lambda row: row["loss"])["epoch"]
        epochs = sorted({*range(every, len(history) + 1, every), len(history), smallest})
        title = f"scores by epoch {number}/{len(trained)}"
        with progress.task(title, len(epochs), note=one.run.path.name) as task:
            scores = scores_by_epoch(one, reader, epochs, task.advance)
        columns = {"epochs": len(history)}
        for name in SCORES[reader]:
            best = max(epochs, key=lambda epoch, name=name: scores[epoch][name])
            columns |= {name: scores[best][name], f"epoch of it, {name}": best}
        columns["epoch of the smallest training loss"] = smallest
        columns |= {f"{name} there": scores[smallest][name] for name in SCORES[reader]}
        found.append((one, columns))
    return found


def scores_by_epoch(one, reader, epochs, advance=lambda: None):
    """Return the scores by name after some epochs, by epoch; what was scored before is read from the run's folder.

    Args:
        one: `TrainedNetwork`.
        reader: Name of the reader of the data.
        epochs: Numbers of epochs.
        advance: Called after each epoch.

    Raises:
        InputError: The file of the scores is damaged, or the weights of an epoch were not recorded.
    """
    file = one.run.path / "landscape" / FILE
    # By the hash of the weights: a run that was trained again has other ones.
    kept = read_record(file, TableOf(TableOf(Number())), "remove it.") if file.is_file() else {}
    trajectory = load_trajectory(one.run.path / TRAJECTORY)
    hashes = dict(zip(trajectory.epochs.tolist(), trajectory.hashes, strict=True))
    data, found = None, {}
    for epoch in epochs:
        if epoch not in hashes:
            raise InputError(
                f"{one.run.path / TRAJECTORY} has no weights of epoch {epoch}; train again with `overwrite`."
            )
        if hashes[epoch] not in kept:
            data = data or (None if one.run.image_pairs else ScoredData(one.run, reader))
            kept[hashes[epoch]] = _scores(EpochRun(one.run, epoch), reader, data)
            write_json(file, kept)
        found[epoch] = kept[hashes[epoch]]
        advance()
    return found


def _scores(run, reader, data):
    if data is None:
        _, made = evaluate_restoration(run).means
        values = made.psnr, made.ssim
    else:
        found = evaluate_membranes(Segmenter(run), data, BORDERS[reader])
        values = found.rand, found.information
    return dict(zip(SCORES[reader], map(float, values), strict=True))
