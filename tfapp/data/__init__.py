"""Datasets with masks and with labels: their descriptions, readers of official layouts, splits, frames, streams.

The names load on first use, so that the command line can list the readers without TensorFlow.
"""

from importlib import import_module

_HOMES = {
    "ClassificationSet": "classification",
    "ImageArray": "classification",
    "ImageFiles": "classification",
    "batch_stream": "classification_batches",
    "batches": "classification_batches",
    "epoch_order": "classification_batches",
    "names_classification": "classification_specs",
    "open_classification": "classification_specs",
    "Dataset": "dataset",
    "Item": "dataset",
    "read_class_names": "folder",
    "Frames": "framing",
    "Framing": "framing",
    "choose_framing": "framing",
    "network_pair": "framing",
    "weighted_labels": "framing",
    "read_image": "images",
    "MultiLabelPart": "multi_label",
    "MultiLabelSet": "multi_label",
    "names_multi_label": "multi_label_specs",
    "open_multi_label": "multi_label_specs",
    "Noise": "noise",
    "parse_noise": "noise",
    "parse_noises": "noise",
    "noisy_set": "training_noise",
    "AUGMENTATIONS": "pipeline",
    "ordered_batches": "pipeline",
    "training_stream": "pipeline",
    "Resolution": "resolution",
    "names_dataset": "specs",
    "names_image_pairs": "specs",
    "open_dataset": "specs",
    "Split": "splits",
    "split_items": "splits",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
