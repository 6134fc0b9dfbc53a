"""Figure 2 of Lu and Tong: input, truth and the answers of three networks in a row, a row for each task."""

import numpy as np

from tfapp.data import network_pair
from tfapp.models.tiling import TiledNetwork
from tfapp.report.contact_sheet import as_rgb, contact_sheet
from tfapp.report.figures import save_image
from tfapp.reproduce.landscape.protocol import TITLES
from tfapp.runs.progress import SILENT

CELL = 260


def save_examples_png(by_task, path) -> None:
    """Write the picture: of each task the first test image.

    What networks of label images answer is drawn as it comes out, from 0, black, to 1, white, as the figure of the
    paper does.

    Args:
        by_task: From the name of a task to its list of `TrainedNetwork`, one for each network.
        path: PNG file.
    """
    networks = list(dict.fromkeys(one.network for trained in by_task.values() for one in trained))
    rows = [_row(trained) for trained in by_task.values()]
    titles = ["input", "truth", *(TITLES[network] for network in networks)]
    captions = [[task, *[""] * (len(titles) - 1)] for task in by_task]
    save_image(contact_sheet(rows, titles, CELL, captions), path)


def _row(trained):
    run = trained[0].run
    image, truth = network_pair(run.dataset, run.items("test")[0], run.framing.resize)
    if not run.image_pairs:
        # Pixels without a label are drawn as those of the first class.
        truth = (truth == 1).astype(np.float32)[..., None]
    return [as_rgb(image), as_rgb(truth), *(as_rgb(answer_of(one.run, image)) for one in trained)]


def answer_of(run, image):
    """Return what a run answers to an image at network size: floats in [0, 1], (height, width, 1 or 3).

    Of labels it is the probability of the second class.
    """
    answer = np.asarray(TiledNetwork(run.network(), run.channels).joined(image, SILENT))
    return np.clip(answer if run.image_pairs else answer[..., 1:2], 0, 1)
