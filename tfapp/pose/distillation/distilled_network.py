"""The network of a run that counts: the distilled one where there is one, else the trained one."""

from tfapp.errors import InputError
from tfapp.files import content_hash
from tfapp.pose.refinement.refined_run import is_refined, refinement_of
from tfapp.records import Entries, Text, Whole, read_record
from tfapp.runs.checkpoints import load_kept

FOLDER, MODEL, RECORD = "distilled", "model.keras", "distil.json"
_ENTRIES = Entries({"refined model": Text(), "weights": Text(), "epochs": Whole(1), "scenes": Whole(1)})


def is_distilled(run):
    """Return whether a run has a finished distillation."""
    return (run.path / FOLDER / RECORD).is_file()


def network_of(run):
    """Return the `PoseModel` whose network counts: the distilled one where there is one, else the trained one.

    Raises:
        InputError: It is damaged, or was distilled from another refinement than the run has now.
    """
    if not is_distilled(run):
        return run.load_model()
    folder = run.path / FOLDER
    record = read_record(folder / RECORD, _ENTRIES, "distil again with `overwrite`.")
    same = is_refined(run) and record["refined model"] == refinement_of(run)
    if not same or not run.is_current(record["weights"]):
        raise InputError(
            f"{run.path} was distilled from another refinement than it has now; run "
            f"`tfapp pose distil {run.typed_path}` again with `overwrite`."
        )
    return load_kept(folder / MODEL, "distil again with `overwrite`")


def network_fingerprint(run):
    """Return SHA-256 of the distilled network's file in hexadecimal digits; None where there is none."""
    return content_hash(run.path / FOLDER / MODEL).hex() if is_distilled(run) else None
