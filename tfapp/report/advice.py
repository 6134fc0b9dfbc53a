"""The last sections: what to run on one's own data, and how the runs of the page were made."""

from tfapp.html_markup import Section, command, details, layout, moment, paragraph, table
from tfapp.report.words import training_noise_in_words

FOLDER_LAYOUT = """PATH/
  images/      one file per picture: cell-01.png, cell-02.jpg, …
  masks/       one file per picture with the same name before the dot: cell-01.png, cell-02.png, …
  classes.txt  optional: one class name per line, for the mask values 0, 1, 2, …"""
LAYOUT_NOTES = (
    "A mask has the size of its picture; the grey value or palette index of a pixel is its class. Without classes.txt "
    "the values must be 0, 1, 2, … (255 means: no label), or just 0 and 255. For other values write lines such as "
    "'128 nucleus'; the name 'ignore' marks pixels without a label."
)
OWN_COMMANDS = (
    (
        "Look at the data first: counts, sizes, a sheet of pictures with their masks.",
        "tfapp data show folder:PATH",
    ),
    ("Train the regularised network.", "tfapp train folder:PATH --out runs/mine"),
    ("Train the plain one to compare with.", "tfapp train folder:PATH --head softmax --out runs/mine-plain"),
    ("Test both under noise.", "tfapp evaluate runs/mine runs/mine-plain"),
    ("Label new pictures.", "tfapp predict runs/mine new-pictures --out labelled"),
    ("Draw the loss landscape of each.", "tfapp landscape runs/mine\ntfapp landscape runs/mine-plain"),
    ("Export for TensorFlow Serving.", "tfapp export runs/mine served/mine"),
    ("Write a page like this one.", "tfapp report runs/mine runs/mine-plain --out report.html"),
)


def own_data_section(commands=None):
    """Return the `Section` of next steps.

    Args:
        commands: Pairs (what it does, command line), or None for the general ones.
    """
    steps = "".join(f"<li>{paragraph(text)}{command(line)}</li>" for text, line in commands or OWN_COMMANDS)
    body = (
        f"{paragraph('Put your pictures and their masks into a folder like this:')}{layout(FOLDER_LAYOUT)}"
        f"{paragraph(LAYOUT_NOTES)}{paragraph('Then run, in a terminal:')}<ol>{steps}</ol>"
    )
    return Section("own-data", "Your own data", "On your own data", body)


def origin_section(entries):
    """Return the `Section` of settings, versions, seeds and exact commands of the runs."""
    rows = {
        "Folder": lambda run: str(run.path),
        "Begun": lambda run: moment(run.record["created"]),
        "Network": _network,
        "Optimizer": _optimizer,
        "Training images": _training_images,
        "Batch size": lambda run: str(run.config["batch_size"]),
        "Epochs": lambda run: str(run.config["epochs"]),
        "Seeds": lambda run: f"training {run.config['seed']}, split {run.config['split_seed']}",
        "Versions": lambda run: ", ".join(
            f"{name} {number}" for name, number in run.record["versions"].items()
        ),
        "Data fingerprint": lambda run: run.data_fingerprint[:16],
    }
    body = [[name, *(read(entry.run) for entry in entries)] for name, read in rows.items()]
    header = ["", *(entry.label for entry in entries)]
    parts = [table(header, body, kind="text"), paragraph("The same runs again:")]
    parts += [command(entry.run.record["command"]) for entry in entries]
    parts.append(details("Test images of the first run", paragraph(", ".join(entries[0].run.split.test))))
    return Section("origin", "How it was made", "How these runs were made", "\n".join(parts))


def _training_images(run):
    count, framing = len(run.split.train), run.framing
    resized = f", resized to {framing.resize[1]}×{framing.resize[0]}" if framing.resize else ""
    cut = f", in patches of {framing.patch}×{framing.patch}" if framing.patch else ""
    noise = training_noise_in_words(run)
    return f"{count}{resized}{cut}{f'; {noise}' if noise else ''}"


def _network(run):
    config = run.config
    return f"{config['model']}, head {config['head']}, width {config['base_width']}, depth {config['depth']}"


def _optimizer(run):
    if run.config["optimizer"] == "bpgrad":
        return f"bpgrad, Lipschitz constant {run.config['lipschitz']}"
    return f"{run.config['optimizer']}, learning rate {run.config['learning_rate']:g}"
