"""Scenes, trainings and evaluations of the tables and figures of Wu (2020), in folders that they share."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from tfapp.errors import InputError
from tfapp.reproduce.pose.objects import part_of
from tfapp.reproduce.pose.variants import NETWORKS, SCALES, Scale, Variant

# `held-out`: a tenth of the scenes is held out. `text`: all scenes are learned from, 500 of them are evaluated, and a
# tenth as many that were simulated besides.
PROTOCOLS = ("held-out", "text")
# Scenes of each split that the text's protocol evaluates.
EVALUATED = 500


@dataclass(frozen=True)
class Cell:
    """One training: an object, its number N of instances in a scene, how it is trained, and its seed."""

    part: str
    instances: int
    variant: Variant
    seed: int

    @property
    def key(self):
        return self.part, self.instances, self.variant.name, self.seed


@dataclass(frozen=True)
class Runs:
    """Simulates, trains and evaluates; what is done already is not done again.

    Scenes go to `scenes/PART-N`, runs to `runs/PART-N/VARIANT/seed-S`; with the protocol of the text the first has the
    ending `-text`, with its network VARIANT has `-text-network`.

    Attributes:
        out: Folder.
        scale: `Scale`.
        protocol: One of `PROTOCOLS`.
        network: One of `NETWORKS`.
        tilt: Of the camera, degrees.
        meshes: Folder of the meshes of T-LESS, or None.
        progress: `Progress`; it is told the tables of every evaluation.
    """

    out: Path
    scale: Scale
    protocol: str
    network: str
    tilt: float
    meshes: Path | None
    progress: object

    @classmethod
    def of(cls, out, scale, *, epochs, scenes, protocol, network, tilt, meshes, progress):
        """Return those of what a user typed; None stands for what the scale says.

        Raises:
            InputError: For an unknown protocol or network.
        """
        chosen = SCALES[scale]
        protocol, network = protocol or chosen.protocol, network or chosen.network
        for name, value, allowed in (
            ("protocol", protocol, PROTOCOLS),
            ("network", network, tuple(NETWORKS)),
        ):
            if value not in allowed:
                raise InputError(f"Unknown `{name}` {value!r}; choose one of: {', '.join(allowed)}.")
        config = chosen.config if epochs is None else replace(chosen.config, epochs=epochs)
        chosen = replace(chosen, config=config, scenes=scenes or chosen.scenes)
        return cls(Path(out), chosen, protocol, network, tilt, meshes, progress)

    def prepare(self, cells):
        """Simulate the scenes of `Cell`s, after all that can be refused was."""
        for cell in cells:
            self._config(cell).check()
        parts = {name: part_of(name, self.meshes) for name in dict.fromkeys(cell.part for cell in cells)}
        for part, instances in dict.fromkeys((cell.part, cell.instances) for cell in cells):
            self._simulate(parts[part], instances, self._scenes(part, instances))

    def trained(self, cell, title=""):
        """Return the `PoseRun` of a `Cell` whose scenes there are."""
        from tfapp.pose.training import train

        call = self._call(cell)
        title = f"{title}{call[0].name}, {cell.variant.title}, seed {cell.seed}"
        return train(*call, progress=self.progress, title=title)

    def metrics(self, cells):
        """Return, from the keys of `Cell`s, the contents of `metrics.json` of their runs."""
        from tfapp.pose.training import train
        from tfapp.runs.ahead import do_ahead

        self.prepare(cells)
        do_ahead(train, [(self._call(cell), {}) for cell in cells], self.progress)
        results = {}
        for number, cell in enumerate(cells, 1):
            run = self.trained(cell, f"{number} of {len(cells)}: ")
            results[cell.key] = evaluated(run, EVALUATED if self.protocol == "text" else None, self.progress)
        return results

    def _call(self, cell):
        """Return the scenes, the run and the configuration of a `Cell`."""
        folder = self._scenes(cell.part, cell.instances)
        own = cell.variant.of_text and self.network == "text"
        name = f"{cell.variant.name}-text-network" if own else cell.variant.name
        return folder, self.out / "runs" / folder.name / name / f"seed-{cell.seed}", self._config(cell)

    @property
    def _counts(self):
        """How many scenes are learned from, and how many are held out."""
        if self.protocol == "text":
            return self.scale.scenes, max(1, self.scale.scenes // 10)
        away = round(self.scale.config.held_out * self.scale.scenes)
        return self.scale.scenes - away, away

    def _config(self, cell):
        training, held_out = self._counts
        config = self.scale.of(cell.variant, cell.seed, self.network, training)
        if self.protocol == "text":
            config = replace(config, held_out=held_out / (training + held_out))
        return config

    def _scenes(self, part, instances):
        tilt = f"-tilt-{self.tilt:g}" if self.tilt else ""
        ending = "-text" if self.protocol == "text" else ""
        return self.out / "scenes" / f"{part}-{instances}{tilt}{ending}"

    def _simulate(self, part, instances, folder):
        from tfapp.pose.simulation.simulator import SceneSettings

        settings = SceneSettings(part, instances, self.scale.size, self.tilt)
        simulate(settings, folder, sum(self._counts), self.progress, f"scenes of {folder.name}")


def simulate(settings, folder, count, progress, title):
    """Have so many scenes of `SceneSettings` in a folder, simulated on all processors where they are missing."""
    from tfapp.pose.simulation.simulate import simulate_scenes

    with progress.task(title, count) as task:
        simulate_scenes(settings, folder, count, processes=os.cpu_count(), command="", progress=task)


def evaluated(run, scenes, progress):
    """Return the content of a run's `metrics.json`, which is made if there is none of this.

    Args:
        run: `PoseRun`.
        scenes: How many of each split at most, or None for all.
        progress: `Progress`.
    """
    from tfapp.pose.evaluate import METRICS, evaluate_run

    if is_evaluated(run, scenes):
        progress.say(f"{run.path}: evaluated already")
    else:
        # Of the network, also where somebody has refined the run since.
        evaluation = evaluate_run(run.path, scenes=scenes, progress=progress, refined=False)
        for table in evaluation.tables():
            progress.table(table)
        for sentence in evaluation.remarks():
            progress.say(sentence)
    return json.loads((run.path / METRICS).read_text(encoding="utf-8"))


def is_evaluated(run, scenes=None):
    """Return whether a `PoseRun` has metrics of its network as it is, of all pixels and of as many scenes.

    A run may have been trained further, or refined, or evaluated by hand.
    """
    from tfapp.pose.evaluate import METRICS

    file = run.path / METRICS
    if not file.is_file():
        return False
    stored = json.loads(file.read_text(encoding="utf-8"))
    if stored.get("pixels") != "all" or stored.get("refined"):
        return False
    counts = {name: len(numbers[:scenes]) for name, numbers in run.splits.items() if len(numbers)}
    if {name: part["scenes"] for name, part in stored["parts"].items()} != counts:
        return False
    return "weights" in stored and run.is_current(stored["weights"])
