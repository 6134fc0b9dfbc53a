"""Commands that write, and what they leave: the cases and the comparison of kills.py and conditions.py."""

import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

NET = "--base-width 4 --depth 2 --steps-per-epoch 6 --batch-size 2"


@dataclass(frozen=True)
class Case:
    """A command that makes something.

    Attributes:
        command: What is typed after `tfapp`, in a folder of its own.
        before: Commands, and names of `STEPS`, that make what it needs; they run unbroken.
        quiet: Share of its time, at the start, in which nothing is killed: Python and TensorFlow load.
        code: Exit code with which it ends unbroken.
        made: What appears all at once when it has done its work, and would be made a second time if it ran again.
        more: What two of it at once make besides.
    """

    command: str
    before: tuple[str, ...] = ()
    quiet: float = 0.3
    code: int = 0
    made: str | None = None
    more: str | None = None


TRAIN = f"train cells:12:64 --out run --epochs 6 {NET}"
SCENES = "pose simulate --part nut --out scenes --instances 1 --scenes 6 --size 48 --processes 2"
POSES = "pose train scenes --out poses --epochs 8 --points 32 --observed 32 --size 32 --batch-size 2"
TRANSFER = (
    "transfer train labels:photos --out transfer --backbone photos/backbone.keras --layer features --high 16 "
    "--low 8 --clusters 4 --hidden 8 --iterations 400 --batch-size 4"
)
KNOWN = "pose fit scenes --out known --instances 1 --cad scenes/truth/object.ply --units m"
# A refinement that explains its scenes takes minutes: the poses are refined as if it had found the true part.
REFINED = "true model"
OWN = "own images"
BOXES = "own boxes"
DETECT = (
    "detect train voc-boxes:boxes --out detector --backbone small.keras --epochs 6 --frozen-stride 0 --head-width 16 "
    "--shorter-side 64 --longer-side 96 --anchor-sizes 16,24 --anchor-ratios 1 --regions 16"
)
DIGITS = "digits:200 --model lenet-5"
CASES = {
    "train": Case(TRAIN),
    "train with a cache": Case(
        f"train folder:own --out run --cache decoded --epochs 3 --resize 32 {NET}", (OWN,)
    ),
    "lr-find": Case("lr-find cells:12:64 --out rates --updates 4 --base-width 4 --depth 2 --batch-size 2"),
    "train on a plateau": Case(f"{TRAIN} --schedule plateau+patience=1+threshold=0.2"),
    "landscape": Case("landscape run --n 9 --exact --samples 4", (TRAIN,)),
    "simulate": Case(SCENES, quiet=0.1),
    # As many scenes as are worth several processes.
    "simulate in parallel": Case(
        "pose simulate --part nut --out scenes --instances 1 --scenes 70 --size 32 --processes 2", quiet=0.1
    ),
    "simulate with a sensor": Case(f"{SCENES} --sensor realsense --tilt 30", quiet=0.1),
    "pose train": Case(POSES, (SCENES,)),
    "pose refine": Case("pose refine poses --rounds 4", (SCENES, POSES)),
    "pose fit": Case("pose fit scenes --out fitted --instances 1 --rounds 4", (SCENES,)),
    "pose distil": Case("pose distil poses --epochs 3", (SCENES, POSES, REFINED)),
    "transfer train": Case(TRANSFER),
    "detect train": Case(DETECT, (BOXES,)),
    "detect train by selective search": Case(f"{DETECT} --proposals selective-search --min-side 8", (BOXES,)),
    "detect proposals": Case("detect proposals voc-boxes:boxes --out boxes.npz --min-side 8", (BOXES,)),
    "detect evaluate": Case("detect evaluate detector", (BOXES, DETECT)),
    "detect predict": Case(
        "detect predict detector boxes --out found --score 0.1", (BOXES, DETECT), made="found/boxes.csv"
    ),
    "solvers": Case(
        f"solvers compare {DIGITS} --out solvers --solvers bpgrad,adam --seeds 0 --epochs 2 --grid-epochs 0"
    ),
    "export": Case("export run served", (TRAIN,), made="served/1", more="served/2"),
    "export config": Case(
        "export config served --out models.config", (TRAIN, "export run served"), quiet=0.9
    ),
    "evaluate": Case("evaluate run --noise gaussian=0.05 --out tested", (TRAIN,)),
    "tune-tv": Case("tune-tv run --weights 0.5,1 --out tuned", (f"{TRAIN} --head softmax",)),
    "predict": Case("predict run photos --out labelled", (TRAIN,)),
    "predict with dropout": Case(
        "predict run photos --out labelled --samples 3", (f"{TRAIN} --dropout 0.3",)
    ),
    "predict by tiles": Case("predict run photos --out labelled --tile 20 --margin 4", (TRAIN,)),
    "data show": Case("data show cells:12:64 --out sheet.png"),
    "data check": Case("data check cells:12:64 --out check.html"),
    "sharpness": Case("sharpness run --eps 1e-3 --subspace 4 --repeats 3 --samples 2", (TRAIN,)),
    "signal": Case("signal lenet-5 digits:80 --out signal --samples 4"),
    "smoothness": Case(
        "smoothness lenet-5 digits:200 --out smooth --twins batch-norm --updates 20 --every 5 --batch-size 10"
    ),
    "report": Case("report run --out page.html", (TRAIN,)),
    "pose evaluate": Case("pose evaluate poses", (SCENES, POSES)),
    "pose segment": Case("pose segment poses scenes --out segmented --poses csv,json,bop", (SCENES, POSES)),
    "pose model": Case("pose model known --out part.stl --points points.ply", (SCENES, KNOWN)),
    "pose grasps": Case(
        "pose grasps known scenes --out grasps --gripper parallel --opening 0.06", (SCENES, KNOWN)
    ),
    "pose show": Case("pose show poses", (SCENES, POSES)),
    "pose landscape": Case("pose landscape scenes --out turned --steps 12 --points 64", (SCENES,)),
    "transfer evaluate": Case("transfer evaluate transfer", (TRANSFER,)),
    "transfer labels": Case(
        "transfer evaluate transfer --labels-per-class 1,2,all --draws 40 --networks 2 --also own,joined",
        (TRANSFER,),
    ),
    "transfer grid": Case("transfer grid transfer --hidden 4,8 --clusters 2,4", (TRANSFER,)),
    "transfer clusters": Case("transfer clusters transfer --clusters 2,3 --repeats 1", (TRANSFER,)),
    "transfer tsne": Case("transfer tsne transfer --perplexity 2", (TRANSFER,)),
    "lipschitz": Case("solvers lipschitz lenet-5 digits:200 --out slopes --steps 20 --batch-size 20"),
    "minimise": Case("solvers minimise sines-2 --out minimum --budget 300"),
    "paths": Case("solvers paths rosenbrock --out paths --solvers adam,sgd-momentum --steps 200"),
    "plane": Case(
        f"solvers plane {DIGITS} --out plane --solvers adam,sgd-momentum --epochs 1 --samples 50 --grid 5"
    ),
    "search": Case("solvers search --out searches --functions f1,rosenbrock --budget 60 --seeds 0,1"),
    "noise-table": Case(
        "reproduce noise-table cells:12:64 --out table --seeds 0 --epochs 2 --steps-per-epoch 3 --batch-size 2"
    ),
    "demo": Case("demo --out demo --epochs 1"),
}
# Those that work for long, one after the other: what they have done by then is what a kill could lose.
LONG = (
    "train",
    "landscape",
    "simulate",
    "pose train",
    "pose refine",
    "pose distil",
    "transfer train",
    "detect train",
    "solvers",
    "export",
)


# Of a page: two unbroken runs may well end in the same one.
_MINUTE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC")


def contents(folder):
    """Return the digest of every part of every file, by `path` or `path: part`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name] = "there"
            found |= {f"{name}: {part}": value for part, value in parts(path.name, path.read_bytes())}
    return found


def parts(name, data):
    """Yield the parts of a file that may change one without the other: entries, columns, arrays."""
    suffix = Path(name).suffix
    if suffix == ".json":
        # Keras numbers the optimizers of a process: sgd_1 is the second, of one that did less the first.
        yield from (
            leaf for leaf in leaves(json.loads(data)) if not leaf[0].endswith("optimizer/config/name")
        )
    elif suffix == ".csv":
        rows = list(csv.reader(io.StringIO(data.decode())))
        yield from ((cells[0], digest(repr(cells))) for cells in zip(*rows, strict=True))
    elif suffix in (".npz", ".keras"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from ((f"{member} {part}", v) for part, v in parts(member, archive.read(member)))
    elif suffix == ".npy":
        array = np.load(io.BytesIO(data), allow_pickle=False)
        text = str(array) if array.dtype.kind == "U" and array.ndim == 0 else ""
        yield from leaves(json.loads(text)) if text.startswith("{") else [("", digest(array.tobytes()))]
    elif suffix == ".h5":
        arrays = []
        with h5py.File(io.BytesIO(data)) as file:
            file.visititems(
                lambda path, node: arrays.append((path, node)) if hasattr(node, "shape") else None
            )
            yield from ((path, digest(node[()].tobytes())) for path, node in arrays)
    elif suffix == ".html":
        yield "", digest(_MINUTE.sub(b"", data))
    else:
        yield "", digest(data)


def leaves(value, path=""):
    """Yield every number and text of a JSON value with the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}/{key}")
    elif isinstance(value, list):
        yield path, digest(json.dumps(value, sort_keys=True))
    else:
        yield path, digest(repr(value))


def digest(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def differences(expected, changing, found):
    """Return what is missing, other, or there for no reason."""
    wrong = [key for key, value in expected.items() if found.get(key) != value]
    return wrong + sorted(found.keys() - expected.keys() - set(changing))


def write_photos(folder):
    """Write sixteen pictures with two labels each, and a small network for their features."""
    import keras

    folder.mkdir()
    rng, lines = np.random.default_rng(0), ["image,red,bright,split"]
    for index in range(16):
        red, bright = index % 2, index // 2 % 2
        picture = rng.integers(0, 60, (24, 24, 3)) + [120 * red, 0, 60] + 70 * bright
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{index}.png")
        lines.append(f"{index}.png,{red},{bright},{'test' if index < 8 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    features = keras.layers.GlobalAveragePooling2D(name="features")(keras.layers.Conv2D(8, 3)(images))
    keras.Model(images, keras.layers.Dense(2)(features)).save(folder / "backbone.keras")


def refine_as_true(folder):
    """Give the run of `POSES` the mesh of its scenes as the object model that a refinement found."""
    from tfapp.pose.fitted_run import cad_model
    from tfapp.pose.refinement.refined_run import keep_model
    from tfapp.pose.run import PoseRun

    keep_model(PoseRun.open(folder / "poses"), cad_model(folder / "scenes" / "truth" / "object.ply", "m"))


def write_own(folder):
    """Write twelve pictures with masks."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / "own" / name).mkdir(parents=True)
    for index in range(12):
        mask = np.zeros((48, 48), np.uint8)
        row, column = rng.integers(0, 32, 2)
        mask[row : row + 16, column : column + 16] = 1
        picture = np.stack([200 * mask] * 3, -1) + rng.integers(0, 50, (48, 48, 3))
        Image.fromarray(picture.astype(np.uint8)).save(folder / "own" / "images" / f"{index}.png")
        Image.fromarray(mask).save(folder / "own" / "masks" / f"{index}.png")


def write_boxes(folder):
    """Write twelve pictures with boxes, and a small network for their features."""
    sys.path.append(str(Path(__file__).parent / "detection"))
    from tiny_detector import write_backbone, write_boxed

    write_boxed(folder / "boxes", 12)
    write_backbone(folder / "small.keras")


# What no command makes, by its name among those that run before a case: functions of the folder.
STEPS = {REFINED: refine_as_true, OWN: write_own, BOXES: write_boxes}
