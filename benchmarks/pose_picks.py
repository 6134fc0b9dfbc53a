"""Pick success in the simulated bin: grasps of a refined run executed by a gripper in MuJoCo.

    python benchmarks/pose_picks.py RUN [RUN ...] --trials 200 --scenes FOLDER --out results/pose/picks.csv

For every run new scenes of its part are dropped, seen as the run's scenes were or by --sensor, posed and grasped, each
by parallel fingers and by a suction cup. "with confidence" takes the best by quality times confidence and none below
--least-confidence; "without" takes the best grasp, by its quality, of a part drawn at random. A pick succeeds if a part
is held in the air in the end, 10 cm higher. Every trial is a row; an interrupted benchmark resumes after the last one.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from pose_picks_world import PickWorld

from tfapp.files import atomic_path
from tfapp.pose.grasps.grippers import ParallelGripper, SuctionGripper
from tfapp.pose.grasps.planner import FLOOR, GraspPlanner, PlanOptions
from tfapp.pose.predictor import open_run, predictor
from tfapp.pose.scenes.camera import write_camera
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.simulation.measurement import measure
from tfapp.pose.simulation.parts import BUILT_IN
from tfapp.pose.simulation.physics import Drop, DropWorld
from tfapp.pose.simulation.ray_casting import DepthCaster
from tfapp.pose.simulation.sensors import sensor_named
from tfapp.pose.simulation.simulator import FEWEST_PIXELS, SceneSettings, random_view

# Scenes of this seed are none that a run was trained on: those have the seeds 0 and 1.
SEED = 1000
GRIPPERS = {
    "parallel": ParallelGripper(opening=0.04),
    "suction": SuctionGripper(cup_diameter=0.008, seal=0.0015),
}
ARMS = ("with confidence", "without")
COLUMNS = (
    "run", "gripper", "scene", "arm", "part", "confidence", "quality", "tilt", "outcome", "intended",
)  # fmt: skip


def simulated(folder, record, trials, sensor=None):
    """Return the `SceneFolder` of new scenes of a run's part, and where the parts and the bin are in each."""
    settings = SceneSettings(
        BUILT_IN[record["part"]](),
        record["instances"],
        record["size"],
        record["tilt"],
        SEED,
        record["bin"],
        sensor,
        true_mask=True,
    )
    (folder / "depth").mkdir(parents=True, exist_ok=True)
    (folder / "mask").mkdir(exist_ok=True)
    (folder / "drops").mkdir(exist_ok=True)
    camera = settings.camera()
    write_camera(camera, folder / "camera.json")
    world = DropWorld(settings.part, settings.instances, settings.half_width)
    caster = DepthCaster(settings.part, settings.half_width, camera)
    for number in range(trials):
        if not (folder / "drops" / f"{number:05d}.npz").is_file():
            _simulate(folder, number, settings, world, caster)
    return SceneFolder(folder), settings


def _simulate(folder, number, settings, world, caster):
    attempt = 0
    while True:
        rng = np.random.default_rng([SEED, number, attempt])
        attempt += 1
        drop = world.drop(rng)
        if drop is None:
            continue
        turn, shift = random_view(settings.half_width, settings.cone, rng, settings.stand_off)
        scene = (turn, shift), turn @ drop.rotation, drop.translation @ turn.T + shift
        if settings.sensor is None:
            view = caster.cast(*scene)
        else:
            view = measure(settings.sensor, caster, settings.camera(), scene, [SEED, number, attempt])
        if np.bincount(view.labels.ravel(), minlength=1 + settings.instances).min() >= FEWEST_PIXELS:
            break
    np.save(folder / "depth" / f"{number:05d}.npy", view.depth)
    Image.fromarray((255 * (view.labels > 0)).astype(np.uint8)).save(folder / "mask" / f"{number:05d}.png")
    with atomic_path(folder / "drops" / f"{number:05d}.npz") as path:
        np.savez(path, rotation=drop.rotation, translation=drop.translation, turn=turn, shift=shift)


def chosen_grasp(plan, arm, least, rng):
    """Return the grasp that is tried, None of an abstention; a plan has one of each part, best first."""
    if arm == "without":
        return plan.grasps[rng.integers(len(plan.grasps))] if plan.grasps else None
    return next((one for one in plan.grasps if one.confidence >= least), None)


def trial(planner, gripper, folder, settings, number, least):
    """Return the rows of both arms in a scene, without what they are of."""
    plan = planner.plan(folder, number)
    with np.load(folder.path / "drops" / f"{number:05d}.npz") as kept:
        drop, turn, shift = Drop(kept["rotation"], kept["translation"]), kept["turn"], kept["shift"]
    rows, known = [], {}
    for arm in ARMS:
        grasp = chosen_grasp(plan, arm, least, np.random.default_rng([SEED, number]))
        if grasp is None:
            outcome = "no grasp" if arm == "without" or not plan.grasps else "abstained"
            rows.append((arm, "", "", "", "", outcome, ""))
            continue
        if grasp.instance not in known:
            place = turn.T @ (grasp.translation - shift)
            world = PickWorld(settings.part, settings.half_width, gripper, drop)
            held, why = world.pick(turn.T @ grasp.rotation, place, grasp.width)
            near = np.linalg.norm(
                drop.translation - turn.T @ (plan.poses.clouds[grasp.instance].mean(0) - shift), axis=1
            )
            known[grasp.instance] = why or "held", int(held[near.argmin()])
        outcome, intended = known[grasp.instance]
        told = (f"{one:.4f}" for one in (grasp.confidence, grasp.quality, np.degrees(grasp.tilt)))
        rows.append((arm, grasp.instance + 1, *told, outcome, intended))
    return rows


def done(path):
    """Return (run, gripper, scene) of the trials that a table has."""
    if not path.is_file():
        return set()
    with open(path, newline="") as file:
        return {(row["run"], row["gripper"], int(row["scene"])) for row in csv.DictReader(file)}


def append(path, rows):
    new = not path.is_file()
    with open(path, "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *rows] if new else rows)


def summary(path):
    """Print the share of successful picks, of the trials that were not abstained from and of all."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    print("run", "gripper", "arm", "trials", "tried", "held", "of tried", "of all", "outcomes", sep="\t")
    for key in dict.fromkeys((row["run"], row["gripper"], row["arm"]) for row in rows):
        own = [row["outcome"] for row in rows if (row["run"], row["gripper"], row["arm"]) == key]
        tried = [one for one in own if one not in ("abstained", "no grasp")]
        held = tried.count("held")
        counts = {one: own.count(one) for one in dict.fromkeys(own)}
        print(
            *key,
            len(own),
            len(tried),
            held,
            f"{held / max(len(tried), 1):.3f}",
            f"{held / len(own):.3f}",
            counts,
            sep="\t",
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--scenes", type=Path, required=True, help="Folder for the new scenes.")
    parser.add_argument("--sensor", default="ideal", help="What sees the scenes, with true masks.")
    parser.add_argument("--least-confidence", type=float, default=0.5)
    parser.add_argument("--grippers", default=",".join(GRIPPERS))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    sensor = sensor_named(arguments.sensor, None)
    for path in arguments.runs:
        run = open_run(path)
        chosen = predictor(run, refined=True)
        folder, settings = simulated(
            arguments.scenes / path.name, run.folder().record, arguments.trials, sensor
        )
        for name in arguments.grippers.split(","):
            gripper = GRIPPERS[name]
            options = PlanOptions(up=FLOOR, least_confidence=0.0, most=1)
            planner, finished = GraspPlanner(chosen, gripper, options), done(arguments.out)
            for number in range(arguments.trials):
                if (path.name, name, number) not in finished:
                    rows = trial(planner, gripper, folder, settings, number, arguments.least_confidence)
                    append(arguments.out, [(path.name, name, number, *row) for row in rows])
    summary(arguments.out)


if __name__ == "__main__":
    main()
