"""What `tfapp export` prints."""

from rich.markup import escape
from rich.table import Table


def print_exported(console, folder, manifest, served):
    """Print what an export wrote, how it compares with the model, and what to do next."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    console.print(f"[bold]{escape(str(folder))}[/bold] {size / 1e6:.1f} MB", soft_wrap=True)
    verification = manifest["verification"]
    print_parities(console, verification["signatures"], verification["tolerance"])
    console.print(
        manifest["warmup"]["note"] or f"Warm-up records: {manifest['warmup']['records']}.", markup=False
    )
    console.print("Next:")
    print_command(console, f"tfapp export verify {folder}")
    print_command(console, served["docker"])


def print_command(console, command):
    """Print a command unwrapped and without colours, so that it can be copied."""
    console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def print_parities(console, parities, tolerance):
    """Print the parity of every signature: dicts of `SignatureParity` by name."""
    title = "" if tolerance is None else f"Difference to the Keras model (at most {tolerance:g})"
    # Folders from before this output do not record it.
    gaps = [parity.get("largest_gap") for parity in parities.values()]
    with_gap = any(gap is not None for gap in gaps)
    header = ["signature", "requests", "probabilities", "equal labels", "largest gap"]
    table = Table(*header[: None if with_gap else -1], title=title)
    for (name, parity), gap in zip(parities.items(), gaps, strict=True):
        difference, share = parity["max_difference"], parity["equal_labels"]
        row = [
            name,
            str(parity["requests"]),
            "-" if difference is None else f"{difference:.1e}",
            "-" if share is None else f"{share:.2%}",
            "-" if gap is None else f"{gap:.1e}",
        ]
        table.add_row(*row[: len(table.columns)])
    console.print(table)
    if with_gap:
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
