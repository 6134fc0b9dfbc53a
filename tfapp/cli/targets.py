"""`tfapp data show` for images with several labels."""

from tfapp.cli.classes import print_sheet, write_class_sheet
from tfapp.cli.console import console, print_table


def show_targets(spec, out, count):
    """Write a contact sheet with a column of training images for each class; print the counts of both parts.

    Args:
        spec: What `open_multi_label` takes.
        out: `Path` of the sheet.
        count: Images of each class, at most.
    """
    from tfapp.data import open_multi_label
    from tfapp.data.multi_label import NOT_COUNTED, PRESENT

    data = open_multi_label(spec)
    shown = write_class_sheet(data, lambda index: data.train.targets[:, index] == PRESENT, count, out)
    console.print(
        f"{data.spec}: {len(data.train)} images for training, {len(data.test)} for testing", soft_wrap=True
    )
    (train, test), (train_left_out, test_left_out) = map(data.class_counts, (PRESENT, NOT_COUNTED))
    columns = (data.class_names, range(data.num_classes), train, train_left_out, test, test_left_out)
    header = ["class", "index", "training", "not counted", "testing", "not counted"]
    print_table(header, zip(*columns, strict=True))
    print_sheet(out, shown, data.num_classes)
