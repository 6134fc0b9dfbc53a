"""The folder of one training of one solver as a run: what landscapes are drawn of."""

from dataclasses import fields

import numpy as np

from tfapp.data import batches
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.optimizers import solver_of
from tfapp.records import TableOf, read_record
from tfapp.runs.record import JOB, SOLVER
from tfapp.runs.run import Run, Solution
from tfapp.solvers.paths.solvers import parameter_text
from tfapp.solvers.trainings.training import MODEL, RESULT, Job, compiled
from tfapp.solvers.trainings.workload import Workload

TRAJECTORY = "trajectory"
_AGAIN = "remove the folder and run `tfapp solvers compare` again."


class SolverRun(Run):
    """A training below `trainings/` of a comparison: `job.json`, `history.csv`, `last.keras`, `result.json`."""

    kind = SOLVER
    holds = "a training of `tfapp solvers compare`"
    model_file = MODEL

    @classmethod
    def open(cls, path):
        """Open the folder of a training.

        Raises:
            InputError: The folder holds none, or a damaged one.
        """
        check_folder(path)
        run = cls(path, read_record(cls(path, None).path / JOB, TableOf(), _AGAIN))
        run.job  # noqa: B018  raises for what is no job
        return run

    @property
    def job(self):
        """The `Job`."""
        content = dict(self.record)
        try:
            workload = Workload(**content.pop("workload"))
            known = {name.name for name in fields(Job)} - {"workload"}
            return Job(workload, **{name: content[name] for name in known})
        except (KeyError, TypeError) as error:
            raise InputError(f"{self.path / JOB} is damaged ({error}); {_AGAIN}") from None

    @property
    def title(self):
        """Network and solver, for pictures."""
        job = self.job
        told = parameter_text(job.solver, job.value)
        return f"{job.workload.model}, {solver_of(job.solver).full_title}, {told}"

    def check_trained(self):
        """Raise InputError if the training has not ended, or has diverged."""
        if not (self.path / RESULT).is_file():
            raise InputError(
                f"{self.path} has no {RESULT}: its training has not ended; run the same command again to resume."
            )
        if read_record(self.path / RESULT, TableOf(), _AGAIN).get("diverged"):
            raise InputError(f"The training in {self.path} diverged; there is no solution to draw.")

    def solution(self, *, trajectory=False, bfloat16=False, held_out=False):
        """Return the `Solution` that a landscape is drawn around; its loss is that of training images."""
        if held_out:
            raise InputError(
                f"`held_out` is for runs of `tfapp pose train`; {self.path} is none, leave the option out."
            )
        return Solution(
            self.path,
            self.title,
            self.load_model,
            self.sample,
            trajectory=self.path / TRAJECTORY,
            initial=self.initial_model,
        )

    def initial_model(self):
        """Return the compiled network at the weights that the training began with, built anew from its seed."""
        job = self.job
        return compiled(job, job.workload.training_batches(job.seed, 0)[1])

    def sample(self, count, seed, split="train"):
        """Return images and their labels, which are chosen by a seed.

        Args:
            count: Number of images; fewer if there are fewer.
            seed: Of which ones.
            split: `train` or `test`.

        Raises:
            InputError: The images cannot be read.
        """
        images = self.job.workload.splits()[0 if split == "train" else 1]
        chosen = np.sort(np.random.default_rng([seed, 0x5A]).permutation(len(images))[:count])
        loaded = batches(images.select(chosen), len(chosen), size=self.job.workload.size)
        return next(iter(loaded.as_numpy_iterator()))
