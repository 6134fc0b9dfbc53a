"""One page about a detector: a file that asks no other machine for anything."""

from pathlib import Path

from tfapp.detection.evaluation import FIGURES, LOSSES, SAMPLES, read_scores
from tfapp.detection.run import DetectionRun
from tfapp.detection.scores.page_sections import score_sections
from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.report.markup import Section, facts, picture, result_box, to_do
from tfapp.report.next_steps import next_section
from tfapp.report.page import shell

TITLE = "Object detection"
SOURCE = 'After R. Girshick, "Fast R-CNN", ICCV 2015; S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN", NIPS 2015.'
ABOUT_SAMPLES = (
    "Some test images, evenly spaced. Green boxes are correct, with thin dashed lines around their objects; orange "
    "ones are false; blue dashed ones are objects that were missed; grey ones count neither way."
)


_MOST_SURFACES = 4


def write_page(runs, path, *, progress=None, **given) -> None:
    """Write the page of `tfapp report` about one detector: what was trained, how well it finds, and what it misses.

    What the run lacks is named with the command that makes it.

    Args:
        runs: List of one path of a run.
        path: HTML file, written by write-then-rename.
        progress: Not called: the page is written at once.
        **given: Options of reports on segmenters that were given.

    Raises:
        InputError: Several runs, an option, a damaged file of the run, or `path` is a folder; nothing is written then.
    """
    if given:
        raise InputError(
            f"`{next(iter(given))}` is for reports on segmenters; leave it out for a run of `tfapp detect train`."
        )
    if len(runs) > 1:
        raise InputError(
            f"A report on a run of `tfapp detect train` shows that run alone; got {len(runs)} runs."
        )
    path = Path(path)
    if path.is_dir():
        raise InputError(
            f"{path} is a folder; `out` must name an HTML file, such as {path / 'detection.html'}."
        )
    run = DetectionRun.open(runs[0])
    write_text(path, shell(TITLE, SOURCE, _sections(run)))


def _sections(run):
    found, evaluate = read_scores(run), f"tfapp detect evaluate {run.typed_path}"
    scores = found[0] if found is not None and found[1] else None

    def figure(name, caption):
        file = run.path / FIGURES / name
        if scores is not None and file.is_file():
            return picture(file, caption)
        return to_do(f"The picture {name} is missing, or of before the training went on; run", evaluate)

    sections = [_result(run, scores, evaluate)]
    if scores is not None:
        sections += score_sections(
            scores, run.path / FIGURES, lambda name: to_do(f"The picture {name} is missing; run", evaluate)
        )
    sections.append(Section("pictures", "Pictures", "What is found", figure(SAMPLES, ABOUT_SAMPLES)))
    losses = figure(LOSSES, "Losses over the epochs of the training.")
    sections.append(Section("training", "Training", "Training", losses))
    drawn = sorted((run.path / "landscape").glob("*.png"))
    if drawn:
        pictures = "\n".join(picture(file, f"Of {file.stem}.") for file in drawn[:_MOST_SURFACES])
        sections.append(Section("landscape", "Landscape", "Loss around the solution", pictures))
    sections.append(_next(run, evaluate))
    return sections


def _result(run, scores, evaluate):
    parts = [facts(_settings(run))]
    if not (run.path / run.model_file).is_file():
        parts.insert(0, to_do("The training has not ended; it resumes with", run.record["command"]))
    elif scores is None:
        parts.insert(0, to_do("It was not tested as it is now; run", evaluate))
    else:
        parts.insert(0, result_box(_sentences(scores)))
    return Section("result", "Result", "The result in short", "\n".join(parts))


def _sentences(scores):
    form = scores["ap"]
    mean, coco = scores["mean"][form], scores["coco"]
    found = [
        f"Mean average precision {100 * mean:.1f} % ({form}, overlap {scores['iou']:g}) on {scores['images']} images "
        f"with {sum(scores['objects'])} objects."
        if mean is not None
        else "No class has an object that counts, so there is no average precision."
    ]
    if coco is not None and coco["numbers"]["AP"] is not None:
        found.append(f"COCO's AP, over overlaps from .5 to .95, is {100 * coco['numbers']['AP']:.1f} %.")
    return found


def _settings(run):
    config = run.config
    split = run.record["data"]["split"]
    anchors = f"{', '.join(f'{size:g}' for size in config.anchor_sizes)} pixels"
    return {
        "Network": run.title.partition(",")[0],
        "Backbone": f"{Path(config.backbone).name}, stride {run.record['stride']}",
        "Data": run.record["data"]["spec"],
        "Classes": ", ".join(run.class_names),
        "Proposals": f"{config.proposals}, anchors of {anchors}" if config.has_anchors else config.proposals,
        "Image size": f"shorter side {config.shorter_side}, longer side at most {config.longer_side}",
        "Batch": f"{config.batch_size} images, {config.regions} regions each",
        "Solver": config.solver,
        "Training": f"{config.epochs} epochs of {len(split['train'])} images, seed {config.seed}",
        "Testing": f"{len(split['test'])} images",
        "Augmentation": config.augment,
    }


def _next(run, evaluate):
    steps = {
        "Test it, and write this page again.": evaluate,
        "Find objects in your own images.": f"tfapp detect predict {run.typed_path} IMAGES --out boxes",
        "Draw the loss surface around it.": f"tfapp landscape {run.typed_path}",
        "Put it behind TensorFlow Serving.": f"tfapp export {run.typed_path} served/detector",
    }
    return next_section(run, steps)
