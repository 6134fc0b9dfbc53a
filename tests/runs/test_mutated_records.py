"""Hundreds of small damages of every record that is read: the record is taken, or refused in one sentence."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.malformed.records import damaged_bytes, mutated
from tests.pose.own_scenes import write_own_scenes
from tests.runs.written_records import POSE, SEGMENTER, TRANSFER
from tests.transfer.made_up_run import embedding, finished_run, metrics
from tfapp.cli.sources import open_run
from tfapp.errors import InputError
from tfapp.export.errors import ExportError
from tfapp.export.manifest import read_manifest
from tfapp.pose import SceneFolder
from tfapp.pose.run import PoseRun
from tfapp.runs.checkpoints import LastModel, read_history
from tfapp.transfer.embedding import read_embedding, write_embedding
from tfapp.transfer.page import save_page

pytestmark = pytest.mark.slow
ROUNDS = 150
OLD = Path(__file__).parents[1] / "compatibility" / "version_0_1"


def ends_well(use, *arguments):
    """Return whether a record was taken; anything but a sentence without line breaks fails."""
    try:
        use(*arguments)
    except (InputError, ExportError) as error:
        assert str(error) and len(str(error)) < 3000
        return False
    return True


def use_segmenter(folder):
    run = open_run(folder)
    assert run.framing is not None and run.title and run.settings is not None
    return run.class_names, run.channels, run.split, run.class_weights, run.loss, run.has_tv_head


def use_pose(folder):
    run = PoseRun.open(folder)
    return run.title, run.splits, run.config["observed"]


def use_transfer(folder):
    run = open_run(folder)
    return run.config, run.network_config


RECORDS = {
    "segmentation": (SEGMENTER, use_segmenter),
    "pose": (POSE, use_pose),
    "transfer": (TRANSFER, use_transfer),
}
for name in ("tv", "pairs", "pose", "transfer"):
    kind = name if name in RECORDS else "segmentation"
    stored = json.loads((OLD / "runs" / name / "run.json").read_text(encoding="utf-8"))
    RECORDS[f"version 0.1 {name}"] = (stored, RECORDS[kind][1])


@pytest.mark.parametrize("name", RECORDS)
def test_runs(tmp_path, name):
    record, use = RECORDS[name]
    rng, taken = random.Random(name), 0
    file = tmp_path / "run.json"
    for turn in range(ROUNDS):
        content = json.dumps(mutated(record, rng)).encode()
        file.write_bytes(damaged_bytes(content, rng) if turn % 3 == 0 else content)
        taken += ends_well(use, tmp_path)
    assert 0 < taken < ROUNDS


def test_cameras_and_records_of_scenes(tmp_path):
    own = write_own_scenes(tmp_path / "own")
    scenes = json.loads((OLD / "scenes" / "scenes.json").read_text(encoding="utf-8")) | {"count": 2}
    camera = json.loads((own / "camera.json").read_text())
    poses = json.loads((OLD / "scenes" / "truth" / "poses" / "00000.json").read_text())
    (own / "truth" / "poses").mkdir(parents=True)
    rng = random.Random(0)

    def use():
        folder = SceneFolder(own, "all")
        folder.poses(0)
        return (
            folder.instances,
            folder.symmetries,
            folder.camera.rays().shape if folder.camera.width < 999 else None,
        )

    for _ in range(ROUNDS):
        chosen = rng.randrange(3)
        contents = [json.dumps(one) for one in (camera, scenes, poses)]
        contents[chosen] = json.dumps(mutated((camera, scenes, poses)[chosen], rng))
        (own / "camera.json").write_text(contents[0])
        (own / "scenes.json").write_text(contents[1])
        for stem in ("00000", "00001"):
            (own / "truth" / "poses" / f"{stem}.json").write_text(contents[2])
        ends_well(use)


def test_histories(tmp_path):
    rng = random.Random(1)
    content = b"epoch,loss,val_loss,seconds\n1,2.5,2.25,4.2\n2,1.5,1.25,4.1\n3,1e-3,nan,4\n"

    def use():
        rows = read_history(tmp_path)
        assert [row["epoch"] for row in rows] == sorted({row["epoch"] for row in rows})
        return LastModel(tmp_path).done()

    for _ in range(4 * ROUNDS):
        (tmp_path / "history.csv").write_bytes(damaged_bytes(content, rng))
        ends_well(use)


def test_pages_of_transfer_runs(tmp_path):
    run, rng = finished_run(tmp_path / "run", metrics()), random.Random(2)
    for name in ("metrics.json", "grid.json"):
        kept = json.loads((run.path / name).read_text())
        for _ in range(ROUNDS // 3):
            (run.path / name).write_text(json.dumps(mutated(kept, rng)))
            if not ends_well(save_page, run, tmp_path / "page.html"):
                assert not (tmp_path / "page.html").exists()
            (tmp_path / "page.html").unlink(missing_ok=True)
        (run.path / name).write_text(json.dumps(kept))


def test_archives(tmp_path):
    rng, file = random.Random(3), tmp_path / "embedding.npz"
    write_embedding(embedding(), file)
    content = file.read_bytes()
    for _ in range(ROUNDS):
        file.write_bytes(damaged_bytes(content, rng))
        ends_well(read_embedding, file)


def test_manifests_of_exports(tmp_path):
    shutil.copytree(OLD / "served" / "1" / "assets.extra", tmp_path / "assets.extra")
    file, rng = tmp_path / "assets.extra" / "export.json", random.Random(4)
    content = file.read_bytes()
    for _ in range(ROUNDS):
        file.write_bytes(damaged_bytes(content, rng))
        ends_well(read_manifest, tmp_path)


def test_depth_images(tmp_path):
    from tfapp.pose.scenes.depth_images import read_depth

    rng, file = random.Random(5), tmp_path / "a.npy"
    np.save(file, np.full((6, 5), 0.5, np.float32))
    content = file.read_bytes()
    for _ in range(ROUNDS):
        file.write_bytes(damaged_bytes(content, rng))
        ends_well(read_depth, file)
