"""Output of `tfapp landscape`: its table, figures and files for other programs."""

from functools import partial

from tfapp.errors import InputError

FORMATS = ("vts", "vtp", "h5")


def parse_formats(text):
    """Return the formats of --export, none of None."""
    formats = [] if text is None else [part.strip() for part in text.split(",")]
    if any(name not in FORMATS for name in formats):
        raise InputError(f"--export expects some of {', '.join(FORMATS)}, comma-separated; got {text!r}.")
    return tuple(dict.fromkeys(formats))


def check_formats(formats, *, line):
    """Raise InputError for a format that cannot hold a line."""
    refused = [name for name in formats if line and name != "h5"]
    if refused:
        raise InputError(f"--export {refused[0]} is for surfaces over a plane; a line can be exported as h5.")


def draw(surface, file, title):
    """Write the figures beside the surface and return their paths."""
    from tfapp.landscape import save_contour_png

    picture = file.with_suffix(".png")
    if len(surface.betas) == 1:
        surface.plot(picture, title)
        return (picture,)
    if not surface.complete:
        return ()
    contour, page = file.with_name(f"{file.stem}-contour.png"), file.with_suffix(".html")
    surface.plot(picture, title)
    save_contour_png(surface, contour, title)
    surface.to_html(page, title)
    return picture, contour, page


def export(surface, file, formats):
    """Write a complete surface in further formats and return the paths."""
    from tfapp.landscape import save_h5, save_vtp, save_vts
    from tfapp.landscape.directions.directions import directions_file

    kept = directions_file(file)
    save_with_name = partial(save_h5, dir_file=kept.name if kept.exists() else "")
    save = {"vts": save_vts, "vtp": save_vtp, "h5": save_with_name}
    paths = [file.with_suffix(f".{name}") for name in formats] if surface.complete else []
    for name, path in zip(formats, paths, strict=False):
        save[name](surface, path)
    return paths


def summary(surface, reestimate=False):
    """Return (label, text) rows: the self-check of a surface, its directions, and how it was measured.

    Args:
        surface: `Surface`.
        reestimate: Whether moving statistics were estimated anew: `model.evaluate` has the stored ones.
    """
    check, timing = surface.metadata["self_check"], surface.metadata["timing"]
    rows = [
        ("f(0, 0), the solution", f"{check['centre']:.6g}"),
        ("model.evaluate" + ", stored statistics" * reestimate, f"{check['evaluate']:.6g}"),
        ("difference", f"{check['centre_minus_evaluate']:.1e}"),
    ]
    if len(surface.betas) > 1 and not (0 in surface.alphas and 0 in surface.betas):
        rows.append(("the solution", "is no point of this grid"))
    for name in ("minimum", "maximum"):
        if check[name] is not None:
            loss, alpha, beta = check[name]
            rows.append((name, f"{loss:.6g} at ({alpha:g}, {beta:g})"))
    rows += [*_prediction_rows(surface), *_direction_rows(surface)]
    times = (("a point", "seconds_per_point"), ("a bare forward pass", "seconds_bare_forward"))
    return [
        *rows,
        ("NaN cells", f"{check['nan_cells']} of {surface.status.size}"),
        ("weights untouched", "yes" if check["weights_untouched"] else "NO"),
        *_share_row(check.get("share_perturbed")),
        *((label, f"{1e3 * timing[name]:.1f} ms") for label, name in times if name in timing),
    ]


def _share_row(share):
    return [] if share is None else [("share of parameters moved", f"{share:.2%}")]


def _prediction_rows(surface):
    """Say how many points were measured, and how well the others are predicted."""
    measured, found = surface.num_measured, surface.metadata["prediction"]
    rows = [("points measured", f"{measured} of {surface.status.size}")]
    if not surface.metadata["finished"]:
        return [*rows, ("budget", "ended; the same command resumes")]
    if found["failed"]:
        rows.append(("prediction", "did not work here: every point was measured"))
    elif found["points"]:
        errors = f"max {found['max_error']:.2%}, rms {found['rms_error']:.2%} of the range"
        rows.append((f"error at {found['points']} points", errors))
    return [*rows, *_precision_rows(surface.metadata.get("spot_check"))]


def _precision_rows(found):
    """Say how far a surface measured in bfloat16 is from float32, where that was measured."""
    if found is None:
        return []
    deviation = f"at most {found['max_deviation']:.2g}, {found['max_deviation_share']:.2%} of the range"
    return [(f"bfloat16 - float32 at {found['points']} points", deviation)]


def _direction_rows(surface):
    directions, check = surface.metadata["directions"], surface.metadata["self_check"]
    rows = []
    for name, label, relative, absolute in zip(
        ("α", "β"), directions["labels"], directions["relative"], directions["absolute"], strict=False
    ):
        rows.append((f"{name} = 1, {label}", f"{relative:.0%} of the weights, {absolute:.4g}"))
    if check.get("cosine") is not None:
        rows.append(("cosine of the directions", f"{check['cosine']:.4f}"))
    return rows
