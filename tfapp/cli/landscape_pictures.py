"""The figures and the files for other programs that `tfapp landscape` leaves beside a surface."""

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
    from tfapp.landscape.directions.kept_directions import directions_file

    kept = directions_file(file)
    save_with_name = partial(save_h5, dir_file=kept.name if kept.exists() else "")
    save = {"vts": save_vts, "vtp": save_vtp, "h5": save_with_name}
    paths = [file.with_suffix(f".{name}") for name in formats] if surface.complete else []
    for name, path in zip(formats, paths, strict=False):
        save[name](surface, path)
    return paths
