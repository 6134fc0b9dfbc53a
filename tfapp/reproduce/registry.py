"""Registry of all studies by name, in the order in which the command line lists them."""

from tfapp.reproduce.bpgrad import (
    comparisons,
    detection,
    functions,
    imagenet,
    networks,
    segmentation,
    two_layer_studies,
)
from tfapp.reproduce.landscape import studies as landscape
from tfapp.reproduce.lecture import batch_normalisation as lecture_batch_normalisation
from tfapp.reproduce.lecture import figure_1 as lecture_figure_1
from tfapp.reproduce.lecture import figure_2 as lecture_figure_2
from tfapp.reproduce.lecture import figure_3 as lecture_figure_3
from tfapp.reproduce.lecture import figure_4 as lecture_figure_4
from tfapp.reproduce.lecture import shortcuts as lecture_shortcuts
from tfapp.reproduce.lecture import signal as lecture_signal
from tfapp.reproduce.pose import figures as pose_figures
from tfapp.reproduce.pose import refined
from tfapp.reproduce.pose import studies as pose
from tfapp.reproduce.thesis import descent as thesis
from tfapp.reproduce.transfer import degradation_study as transfer_degradations
from tfapp.reproduce.transfer import label_study as transfer_labels
from tfapp.reproduce.transfer import size_study as transfer_sizes
from tfapp.reproduce.transfer import studies as transfer
from tfapp.reproduce.tv import figures as tv_figures
from tfapp.reproduce.tv import own_data, protocols
from tfapp.reproduce.tv import studies as tv

STUDIES = {
    study.name: study
    for room in (
        tv,
        tv_figures,
        protocols,
        landscape,
        lecture_figure_1,
        lecture_figure_2,
        lecture_figure_3,
        lecture_figure_4,
        lecture_signal,
        thesis,
        lecture_batch_normalisation,
        lecture_shortcuts,
        functions,
        networks,
        two_layer_studies,
        comparisons,
        imagenet,
        detection,
        segmentation,
        pose,
        pose_figures,
        refined,
        transfer,
        transfer_labels,
        transfer_degradations,
        transfer_sizes,
        own_data,
    )
    for study in room.STUDIES
}
