"""Datasets with masks and with labels: their descriptions, readers of official layouts, splits, frames, streams.

The names load on first use, so that the command line can list the readers without TensorFlow.
"""

from importlib import import_module

_HOMES = {
    "ClassificationSet": "labelled",
    "ImageArray": "labelled",
    "ImageFiles": "labelled",
    "batch_stream": "labelled_batches",
    "batches": "labelled_batches",
    "epoch_order": "labelled_batches",
    "names_classification": "sources",
    "open_classification": "sources",
    "Dataset": "dataset",
    "Item": "dataset",
    "read_class_names": "readers.folder",
    "Frames": "framing",
    "Framing": "framing",
    "choose_framing": "framing",
    "network_pair": "framing",
    "weighted_labels": "framing",
    "read_image": "images",
    "MultiLabelPart": "multi_label",
    "MultiLabelSet": "multi_label",
    "names_multi_label": "sources",
    "open_multi_label": "sources",
    "Noise": "noise",
    "parse_noise": "noise",
    "parse_noises": "noise",
    "noisy_set": "noise",
    "AUGMENTATIONS": "streams",
    "ordered_batches": "streams",
    "training_stream": "streams",
    "Resolution": "resolution",
    "resize_images": "resolution",
    "names_dataset": "sources",
    "names_image_pairs": "sources",
    "open_dataset": "sources",
    "Split": "splits",
    "split_items": "splits",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
