"""Export of a segmenter, whether of a run or of a `.keras` file."""


def export_segmenter(source, base_dir, version, class_names, *, post_tv, gap, facts, **serving):
    """Write `base_dir/<version>` for TensorFlow Serving, and return that folder.

    Args:
        source: `Run` or `KerasFile`.
        base_dir: Folder of the served model.
        version: Version to write; None for the highest plus one.
        class_names: One name per class.
        post_tv: Weight of converged total variation behind the logits, or None.
        gap: Whether to serve the duality gap too.
        facts: Dictionary of what the folder keeps of its origin.
        serving: `max_pixels` and `status` of `tfapp.export.export`, where they are not its own.

    Raises:
        InputError: The network cannot be loaded, or not with these options.
        ExportError: As `tfapp.export.export`.
    """
    from tfapp.export import export
    from tfapp.models.tiling import needs_of

    # The segmenter pads to the network's stride by itself, exactly as `tfapp evaluate` measured it.
    segmenter = source.segmenter(post_tv, gap=gap)
    metadata = {**facts, "weights": source.weights, "network_stride": source.stride, "post_tv": post_tv}
    # For clients that cut large images into tiles.
    needs = needs_of(segmenter)
    metadata["tiling"] = None if needs is None else needs._asdict()
    return export(segmenter, base_dir, version=version, class_names=class_names, metadata=metadata, **serving)
