"""What the commands read: kinds of files with the damage that fits them and the commands, and lines that are typed."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.malformed import archives, meshes, pictures, records

SMALL = "--base-width 2 --depth 1 --epochs 1 --steps-per-epoch 1 --batch-size 2"
TRANSFER = "--backbone small.keras --high 8 --low 4 --hidden 4 --clusters 3 --value 0.1 --iterations 4 --batch-size 4"
POSE = "--points 16 --observed 24 --hypotheses 1 --size 16 --visibility none --epochs 1 --batch-size 2 --held-out 0.25"
SOLVERS = "--model two-layer --size 4 --batch-size 10 --solvers sgd=0.1 --grid-epochs 0 --epochs 1 --seeds 0"
LIPSCHITZ = "solvers lipschitz classifier.keras mnist:mnist --out new --steps 2 --batch-size 5"
SEGMENTERS = (
    "evaluate runs/tv --noise gaussian=0",
    "predict runs/tv photos --out new",
    "landscape runs/tv --n 5 --samples 2",
    "sharpness runs/tv --repeats 1 --eps 1e-3 --samples 2",
    "report runs/tv --out new.html",
)
MASKS = (
    "data check folder:own --out new.html",
    "data show folder:own --out new.png",
    f"train folder:own --out new {SMALL}",
)
LABELS = (
    "data check labels:labels --out new.html",
    "data show labels:labels --out new.png",
    f"transfer train labels:labels --out new {TRANSFER}",
)
SCENES = (
    f"pose train scenes --out new {POSE}",
    "pose segment runs/pose scenes --out new",
    "pose landscape scenes --out new.png --steps 8 --points 8",
    "pose evaluate runs/pose",
)
CLOUDS = (
    f"pose train clouds --out new --instances 2 --foreground all {POSE}",
    "pose segment runs/pose clouds --foreground all --out new",
)
BOP = (
    f"pose train bop/test --out new --object 1 --instances 2 {POSE}",
    "pose segment runs/pose bop/test/000001 --object 1 --foreground mask --out new",
    "pose landscape bop/test --object 5 --out new.png --steps 8 --points 8",
)
POSES = (
    "pose evaluate runs/pose",
    "pose segment runs/pose scenes --out new",
    "pose show runs/pose",
    "landscape runs/pose --n 3 --samples 1",
)
FEATURES = (
    "transfer evaluate runs/transfer",
    "report runs/transfer --out new.html",
    "transfer grid runs/transfer --hidden 4 --clusters 3 --seeds 0",
)
BEGUN = (
    "train cells:6:32 --head softmax --optimizer sgd --out runs/softmax --base-width 2 --depth 1 --epochs 2 "
    "--steps-per-epoch 2 --batch-size 2"
)
RESUMED = (
    "solvers compare digits:40 --out runs/solvers --seeds 0 --model two-layer --size 4 --train-images 20 "
    "--batch-size 10 --solvers sgd=0.1 --grid-epochs 0 --epochs 2"
)
NETWORKS = (
    # Twice, as an export takes ten times as long.
    "evaluate segmenter.keras folder:own --resize 16 --out new --noise gaussian=0",
    "evaluate segmenter.keras folder:own --resize 16 --out new --noise gaussian=0",
    "export segmenter.keras new",
)
SIMULATE = "pose simulate --part {} --units m --out new --scenes 1 --size 32 --instances 1 --processes 1"


@dataclass(frozen=True)
class Target:
    """A kind of file that commands read.

    Attributes:
        kind: Its name in the table.
        files: Patterns of such files below the place.
        damage: Function of a file's bytes and a random generator that returns other bytes.
        commands: Commands that read it; `{}` stands for the file.
    """

    kind: str
    files: tuple[str, ...]
    damage: Callable
    commands: tuple[str, ...]


def _record_or_table(content, rng):
    return (records.json_record if content[:1] == b"{" else records.table)(content, rng)


def _zipped_or_not(content, rng):
    return (archives.npz if content[:2] == b"PK" else pictures.spoilt)(content, rng)


def _mesh_or_pieces(content, rng):
    return (meshes.mesh if content[:3] == b"ply" else archives.npz)(content, rng)


TARGETS = (
    Target("image of masks", ("own/images/*",), pictures.picture, MASKS),
    Target("mask", ("own/masks/*",), pictures.picture, MASKS),
    Target("list of classes", ("own/classes.txt",), records.lines, MASKS),
    Target("photograph", ("photos/*",), pictures.picture, ("predict runs/tv photos --out new",)),
    Target(
        "image of cells",
        ("wbc/*",),
        pictures.picture,
        ("data check wbc:wbc", f"train wbc:wbc --out new {SMALL}"),
    ),
    Target(
        "image pair",
        ("pairs/*/*",),
        pictures.picture,
        (
            "data check raindrop:pairs",
            "evaluate runs/pairs",
        ),
    ),
    Target("image with labels", ("labels/*.png",), pictures.picture, LABELS),
    Target("table of labels", ("labels/labels.csv",), records.table, LABELS),
    Target(
        "image of a class",
        ("imagenet/*/*/*.JPEG",),
        pictures.picture,
        ("data check imagenet:imagenet", "data show imagenet:imagenet --out new.png"),
    ),
    Target(
        "annotation",
        ("VOCdevkit/VOC2007/Annotations/*.xml",),
        records.xml,
        ("data check 'voc2007:VOCdevkit/VOC2007'",),
    ),
    Target(
        "list of images",
        ("VOCdevkit/VOC2007/ImageSets/Main/*.txt",),
        records.lines,
        ("data check 'voc2007:VOCdevkit/VOC2007'", "data show voc2007:VOCdevkit --out new.png"),
    ),
    Target(
        "mask of VOC",
        ("VOCdevkit/VOC2012/SegmentationClass/*.png",),
        pictures.picture,
        ("data check voc2012:VOCdevkit",),
    ),
    Target(
        "list of masks of VOC",
        ("VOCdevkit/VOC2012/ImageSets/Segmentation/*.txt",),
        records.lines,
        ("data check voc2012:VOCdevkit",),
    ),
    Target(
        "idx file",
        ("mnist/*.gz",),
        archives.idx,
        ("data check mnist:mnist", f"solvers compare mnist:mnist --out new {SOLVERS}", LIPSCHITZ),
    ),
    Target(
        "batch of CIFAR-10",
        ("cifar/*",),
        archives.batch,
        ("data check cifar10:cifar", "data show cifar10:cifar --out new.png"),
    ),
    Target("run.json", ("runs/tv/run.json",), records.json_record, SEGMENTERS),
    Target("run.json of pairs", ("runs/pairs/run.json",), records.json_record, ("evaluate runs/pairs",)),
    Target("run.json of poses", ("runs/pose/run.json",), records.json_record, POSES),
    Target("run.json of transfer", ("runs/transfer/run.json",), records.json_record, FEATURES),
    Target(
        "metrics.json", ("runs/tv/metrics.json",), records.json_record, ("report runs/tv --out new.html",)
    ),
    Target(
        "metrics.json of transfer",
        ("runs/transfer/metrics.json",),
        records.json_record,
        ("report runs/transfer --out new.html",),
    ),
    Target(
        "measured sharpness",
        ("runs/tv/landscape/sharpness.json", "runs/tv/landscape/*timing.json"),
        records.json_record,
        (
            "report runs/tv --out new.html",
            "sharpness runs/tv --repeats 1 --eps 1e-3 --samples 2",
            SEGMENTERS[2],
        ),
    ),
    Target(
        "history",
        ("runs/tv/history.csv",),
        records.table,
        ("report runs/tv --out new.html",),
    ),
    Target(
        "history to resume",
        ("runs/softmax/history.csv", "runs/softmax/run.json"),
        _record_or_table,
        (BEGUN,),
    ),
    Target(
        "training of a solver",
        ("runs/solvers/trainings/*/*.json", "runs/solvers/trainings/*/history.csv"),
        _record_or_table,
        (RESUMED,),
    ),
    Target("history of transfer", ("runs/transfer/history.csv",), records.table, FEATURES[1:2]),
    Target("history of poses", ("runs/pose/history.csv",), records.table, ("pose show runs/pose",)),
    Target("surface", ("runs/tv/landscape/*.npz",), archives.npz, (SEGMENTERS[2], SEGMENTERS[4])),
    Target("surface of poses", ("runs/pose/landscape/*.npz",), archives.npz, POSES[3:]),
    Target(
        "features",
        ("runs/transfer/features/*/*.npz", "runs/transfer/classifiers/*.npz", "runs/transfer/clusters.npz"),
        archives.npz,
        FEATURES,
    ),
    Target("record of features", ("runs/transfer/features/*/features.json",), records.json_record, FEATURES),
    Target("model of a run", ("runs/tv/model.keras",), archives.keras_file, SEGMENTERS[:5]),
    Target("checkpoint", ("runs/softmax/checkpoints/*",), archives.keras_file, (BEGUN,)),
    Target("model of poses", ("runs/pose/model.keras",), archives.keras_file, POSES),
    Target("model of transfer", ("runs/transfer/*.keras",), archives.keras_file, FEATURES),
    Target("segmenter in a file", ("segmenter.keras",), archives.keras_file, NETWORKS),
    Target("classifier in a file", ("classifier.keras",), archives.keras_file, (LIPSCHITZ,)),
    Target(
        "backbone",
        ("small.keras",),
        archives.keras_file,
        (f"transfer train labels:labels --out new {TRANSFER}",),
    ),
    Target(
        "weights",
        ("other.weights.h5",),
        archives.hdf5,
        (
            "train folder:own --out new --model segnet --base-width 64 --epochs 1 --encoder-weights other.weights.h5",
        ),
    ),
    Target("camera.json", ("scenes/camera.json",), records.json_record, SCENES),
    Target("scenes.json", ("scenes/scenes.json",), records.json_record, SCENES),
    Target("true poses", ("scenes/truth/poses/*.json",), records.json_record, SCENES[2:]),
    Target("depth image", ("scenes/depth/*.npy",), archives.npy, SCENES),
    Target("point cloud", ("clouds/depth/*.ply", "clouds/depth/*.pcd"), meshes.cloud, CLOUDS),
    Target("depth in a picture", ("clouds/depth/*.tif",), pictures.picture, CLOUDS),
    Target("cameras by image", ("clouds/scene_camera.json",), records.json_record, CLOUDS),
    Target(
        "record of a BOP dataset", ("bop/test/*/*.json", "bop/models_eval/*.json"), records.json_record, BOP
    ),
    Target("mask of parts", ("scenes/mask/*.png", "scenes/truth/labels/*.png"), pictures.picture, SCENES),
    Target(
        "convex pieces", ("scenes/truth/pieces.npz", "scenes/truth/object.ply"), _mesh_or_pieces, SCENES[2:]
    ),
    Target("mesh", ("parts/*",), meshes.mesh, (SIMULATE,)),
    Target(
        "served model",
        (
            "served/1/*.pb",
            "served/1/variables/*",
            "served/1/assets.extra/*_requests",
            "served/1/assets.extra/*.npz",
        ),
        _zipped_or_not,
        ("export verify served/1", "export show served"),
    ),
    Target(
        "record of an export",
        ("served/1/assets.extra/export.json",),
        records.json_record,
        (
            "export verify served/1",
            "export show served",
            "report runs/tv --export served --out new.html",
        ),
    ),
    Target("models.config", ("models.config",), records.lines, ("export config models.config --models .",)),
)

LINE = "command line"
# What is typed: numbers and texts that may stand at any option.
WORDS = [
    "-1", "0", "inf", "-inf", "nan", "1e400", "99999999999999999999", "1e-400", "²", "", " ", "[/]", "[red]", "0x10",
    "1,2", ",", "1.5", "-", "a=b", "=", "../..", "/dev/null", "/dev/zero", "x" * 300, "\udcff.png", "no such", "{}",
    "1x1", "0x0", "all", "gaussian=2", "gaussian=-1", "salt=nan", "5:1", "None", "~", "\x1b[31m", "own", "runs/tv",
    "photos/0.png", "fifo",
]  # fmt: skip
LINES = (
    *MASKS, *LABELS, *SCENES, *CLOUDS, *BOP, *POSES, *FEATURES, *SEGMENTERS, LIPSCHITZ, RESUMED,
    SIMULATE.format("nut").replace("--units m ", ""),
    "export runs/tv new", "export verify served", "export show served", "data show cells:4:32 --out new.png",
    "export config served --out new", "export client http://127.0.0.1:9 photos --model cells --retries 0 --out new",
    "data check cells:8:32", "solvers minimise f1 --out new --budget 50 --start 0.1",
    "solvers minimise rosenbrock --out new --bound sawtooth --budget 50", "solvers paths parabola --out new --steps 5",
    "solvers search --functions f1 --budget 50 --seeds 0 --out new",
    "solvers plane digits:40 --out new --model two-layer --solvers sgd=0.1 --epochs 1 --grid 5 --samples 10 "
    "--train-images 20",
)  # fmt: skip
# Values of these only say how much work is meant.
AMOUNTS = {
    "--epochs",
    "--iterations",
    "--steps",
    "--budget",
    "--max-seconds",
    "--n",
    "--samples",
    "--grid",
    "--processes",
}
