"""Datasets with masks and with labels: their descriptions, readers of official layouts, splits, frames, streams.

The names load on first use, so that the command line can list the readers without TensorFlow.
"""

from tfapp.lazy_names import lazy_names

_HOMES = {
    "names_classification": "sources",
    "names_dataset": "sources",
    "names_image_pairs": "sources",
    "names_multi_label": "sources",
    "names_boxes": "sources",
    "open_boxes": "sources",
    "open_classification": "sources",
    "open_dataset": "sources",
    "open_multi_label": "sources",
    "read_class_names": "readers.folder",
    "Dataset": "dataset",
    "Item": "dataset",
    "ClassificationSet": "labelled",
    "ImageArray": "labelled",
    "ImageFiles": "labelled",
    "BoxedImage": "boxed",
    "BoxedImages": "boxed",
    "BoxedSet": "boxed",
    "Boxes": "boxed",
    "MultiLabelImages": "multi_label",
    "MultiLabelSet": "multi_label",
    "Split": "splits",
    "split_items": "splits",
    "read_image": "images",
    "Frames": "frames",
    "Framing": "framing",
    "choose_framing": "framing",
    "network_pair": "framing",
    "weighted_labels": "framing",
    "AUGMENTATIONS": "augmentation",
    "ordered_batches": "streams",
    "training_stream": "streams",
    "batch_stream": "labelled_batches",
    "batches": "labelled_batches",
    "epoch_order": "labelled_batches",
    "Noise": "noise",
    "noisy_set": "noise",
    "parse_mix": "noise",
    "parse_noise": "noise",
    "parse_noises": "noise",
    "Resolution": "resolution",
    "resize_images": "resolution",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
