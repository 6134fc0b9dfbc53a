"""`tfapp data show` for images with labels."""

from tfapp.cli.console import console, print_table, print_written

# More would make a sheet that no viewer shows whole, or names that run into each other.
MOST_CLASSES, MOST_LETTERS = 20, 12


def show_classes(spec, out, count):
    """Write a contact sheet with a column of training images for each class; print the counts of both parts.

    Args:
        spec: What `open_classification` takes.
        out: `Path` of the sheet.
        count: Images of each class, at most.
    """
    from tfapp.data import open_classification

    data = open_classification(spec)
    shown = write_class_sheet(data, lambda index: data.train.labels == index, count, out)
    size = "images of various sizes" if data.image_shape[0] is None else "{1}x{0}".format(*data.image_shape)
    console.print(
        f"{data.spec}: {len(data.train)} images for training, {len(data.test)} for testing, {size}, "
        f"{data.image_shape[-1]} channel(s)",
        soft_wrap=True,
    )
    rows = zip(data.class_names, range(data.num_classes), *data.class_counts(), strict=True)
    print_table(["class", "index", "training", "testing"], rows)
    print_sheet(out, shown, data.num_classes)


def print_sheet(out, shown, num_classes):
    """Name the sheet, and say so if it leaves out classes."""
    if len(shown) < num_classes:
        console.print(f"the sheet shows {len(shown)} of the {num_classes} classes")
    print_written(out)


def write_class_sheet(data, of_class, count, out):
    """Write a contact sheet with a column of training images for each class, evenly chosen of very many.

    Args:
        data: `ClassificationSet` or `MultiLabelSet`.
        of_class: Function of a class that returns bool (count,), whether each training image shows it.
        count: Images of each class, at most.
        out: `Path` of the sheet.

    Returns:
        The classes that the sheet shows.
    """
    import numpy as np

    from tfapp.files import atomic_path
    from tfapp.segmentation.pictures import as_rgb, contact_sheet

    shown = np.unique(np.linspace(0, data.num_classes - 1, min(MOST_CLASSES, data.num_classes)).astype(int))
    columns = [np.flatnonzero(of_class(index))[:count] for index in shown]
    blank = np.full((1, 1, 3), 255, np.uint8)
    rows = [
        [as_rgb(data.train.read(column[row])) if row < len(column) else blank for column in columns]
        for row in range(max(1, *map(len, columns)))
    ]
    titles = [data.class_names[index][:MOST_LETTERS] for index in shown]
    with atomic_path(out) as temporary:
        contact_sheet(rows, titles, cell=72).save(temporary)
    return shown
