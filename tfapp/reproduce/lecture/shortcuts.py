"""Shortcuts on and off: residual networks and their plain twins by depth, and the surfaces around what they found."""

import shutil
from pathlib import Path
from typing import Annotated

from tfapp.reproduce.lecture import SOURCE
from tfapp.reproduce.study import Option, Result, Study, as_set, files_of, spec_of

NAME = "lecture-shortcuts"
SCALES = {
    "small": "Depths 20 and 56, 1,000 images of CIFAR-10 of which a tenth is held out, batches of 50, 12 epochs at the "
    "rate 0.02, a tenth of it from epoch 9 on; surfaces of 11x11 points over 100 of the training images.",
    "paper": "Depths 20, 56 and 110, all 50,000 images of which a tenth is held out, batches of 128, 164 epochs at the "
    "rate 0.1, a tenth of it from epoch 83 on and again from 124 on; surfaces of 51x51 points over 10,000 images; for "
    "a GPU.",
}
# Depths, images, images in a batch, epochs, solver with its rates, points of an axis, images of a surface.
_SIZES = {
    "small": ((20, 56), 1000, 50, 12, "0.02/0.002@9", 11, 100),
    "paper": ((20, 56, 110), 50000, 128, 164, "0.1/0.01@83/0.001@124", 51, 10000),
}
WEIGHT_DECAY = 0.0005
ASSUMED = (
    "The lecture shows a picture of H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, Visualizing the Loss Landscape "
    "of Neural Nets, NeurIPS 2018, which is not in the notes: the surface of ResNet-56 without and with its shortcuts, "
    "on a plane of two filter-normalised random directions, from -1 to 1.",
    "Networks are those of He et al. (2016) for CIFAR, with batch normalisation; the plain twin has the same layers "
    "and initial kernels. SGD with momentum 0.9 and a weight decay of 0.0005; images are not augmented.",
    "The loss of a surface is the cross-entropy without weight decay, by the stored moving statistics. Not convex: the "
    "share of negative second differences of neighbouring points along both axes. Both networks of a depth have the "
    "seeds of weights, order and directions in common.",
)


def shortcuts(
    data: Annotated[str, Option(help="Folder of CIFAR-10, or cifar10:PATH.")],
    out: Annotated[Path, Option(help="Folder for figures, table, surfaces and trainings.")],
    scale: Annotated[str, Option(help="small or paper.")] = "small",
    depths: Annotated[
        str | None, Option(help="Of 20, 32, 44, 56 and 110, with commas.", show_default="by scale")
    ] = None,
    images: Annotated[
        int | None, Option(help="Images, the last tenth held out.", show_default="by scale", min=20)
    ] = None,
    epochs: Annotated[int | None, Option(help="Epochs.", show_default="by scale", min=1)] = None,
    grid: Annotated[int | None, Option(help="Points of an axis.", show_default="by scale", min=3)] = None,
    samples: Annotated[
        int | None, Option(help="Images of a surface.", show_default="by scale", min=1)
    ] = None,
    seed: Annotated[int, Option(help="Of weights, order and directions.", min=0)] = 0,
    overwrite: Annotated[bool, Option(help="Start again, removing what is in --out.")] = False,
    *,
    progress,
    command,
):
    """Train residual networks and their plain twins, and draw their surfaces side by side."""
    from tfapp.data import names_classification, open_classification
    from tfapp.files import write_text
    from tfapp.landscape import save_contours_png, save_side_by_side_png
    from tfapp.report.result_table import document
    from tfapp.reproduce.lecture import twin_surfaces
    from tfapp.solvers.trainings.workload import Workload

    own = _SIZES[scale]
    chosen = twin_surfaces.chosen_depths(depths) if depths else own[0]
    count, batch_size, last, rates = images or own[1], own[2], epochs or own[3], own[4]
    points, shown = grid or own[5], samples or own[6]
    spec = data if names_classification(data) else spec_of(data, "cifar10", "The study")
    spec = open_classification(spec).spec
    workloads = {
        (kind, depth): Workload(
            spec, f"{kind}-{depth}", batch_size, WEIGHT_DECAY, count, holds_out=True, loss_alone=True
        )
        for depth in chosen
        for kind in twin_surfaces.TITLES
    }
    for workload in workloads.values():  # What cannot be trained is said before anything is written.
        workload.build(seed)
        workload.splits()
    for folder in ("trainings", "surfaces") if overwrite else ():
        shutil.rmtree(out / folder, ignore_errors=True)
    found = {}
    for key, workload in workloads.items():
        found[key] = twin_surfaces.surface_of(
            workload, rates, seed, last, out, progress, points=points, samples=shown
        )
    table, told = twin_surfaces.table_of(found), twin_surfaces.sentences(found)
    written = files_of(out, NAME, ".png", "-contours.png", ".csv", ".md")
    surfaces, titles = twin_surfaces.drawn(found)
    if surfaces:
        save_side_by_side_png(surfaces, titles, written[0], columns=2)
        save_contours_png(surfaces, titles, written[1])
    table.write_csv(written[2])
    remarks = [as_set(SCALES[scale], command), *ASSUMED]
    text = document(
        table,
        told,
        remarks,
        title="Shortcuts on and off",
        source=f"{SOURCE}, sections 2.1 and 3",
        command=command,
    )
    write_text(written[3], text)
    return Result([table.columns(0, 1, 2, 3, 4, 7), *told], written if surfaces else written[2:])


STUDIES = (
    Study(
        NAME,
        "Shortcuts on and off: training by depth of ResNets and their plain twins, and the surfaces of the 56-layer "
        "twins side by side",
        f"{SOURCE}, sections 2.1 and 3",
        ASSUMED,
        SCALES,
        shortcuts,
    ),
)
