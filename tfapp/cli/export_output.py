"""What `tfapp export` prints."""

from rich.markup import escape
from rich.table import Table

# Header, entry of a `SignatureParity` and format.
PARITY_COLUMNS = (
    ("largest difference", "max_difference", ".1e"),
    ("equal labels", "equal_labels", ".2%"),
    ("largest gap", "largest_gap", ".1e"),
)


def print_exported(console, folder, further=()):
    """Print what was exported to the version folder, how it compares with the model, and commands to go on with."""
    from tfapp.export import describe
    from tfapp.export.manifest import read_manifest

    manifest, served = read_manifest(folder), describe(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    console.print(f"[bold]{escape(str(folder))}[/bold] {size / 1e6:.1f} MB", soft_wrap=True)
    print_summary(console, served)
    verification = manifest["verification"]
    print_parities(console, verification["signatures"], verification["tolerance"])
    console.print(
        manifest["warmup"]["note"] or f"Warm-up records: {manifest['warmup']['records']}.", markup=False
    )
    console.print("Next:")
    for command in (f"tfapp export verify {folder}", *further, served["docker"]):
        print_command(console, command)


def print_summary(console, served):
    """Print what is served, as `describe` gives it."""
    for sentence in served["summary"]:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def print_command(console, command):
    """Print a command unwrapped and without colours, so that it can be copied."""
    console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def print_parities(console, parities, tolerance):
    """Print the parity of every signature: dicts of `SignatureParity` by name."""
    title = "" if tolerance is None else f"Difference to the Keras model (at most {tolerance:g})"
    # A column that no signature fills is left out; older folders do not record the gap.
    columns = [
        (header, entry, form)
        for header, entry, form in PARITY_COLUMNS
        if any(parity.get(entry) is not None for parity in parities.values())
    ]
    table = Table("signature", "requests", *(header for header, _, _ in columns), title=title)
    for name, parity in parities.items():
        values = [(parity.get(entry), form) for _, entry, form in columns]
        cells = ["-" if value is None else format(value, form) for value, form in values]
        table.add_row(name, str(parity["requests"]), *cells)
    console.print(table)
    if any(entry == "largest_gap" for _, entry, _ in columns):
        console.print(
            "The gap is per pixel, here of generated images; every answer brings that of its image."
        )


def signature_table(name, signature):
    """Return the table of a signature's inputs and outputs, as `describe` gives them."""
    table = Table("", "alias", "dtype", "shape", "meaning", title=name, title_justify="left")
    for side in ("inputs", "outputs"):
        for tensor in signature[side]:
            shape = "any" if tensor["shape"] is None else str(tuple(tensor["shape"])).replace("None", "?")
            table.add_row(side[:-1], tensor["alias"], tensor["dtype"], escape(shape), tensor["meaning"] or "")
    return table
