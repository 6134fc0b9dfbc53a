"""What a camera says of the units of depth, compared with the files: a unit that applies to none of them is refused."""

from tfapp.errors import InputError
from tfapp.pose.scenes.camera import METRES, UNITS
from tfapp.pose.scenes.depth_images import check_values, holds_whole_numbers
from tfapp.pose.scenes.point_clouds import CLOUD_SUFFIXES

# Steps of whole numbers where nothing is said, in millimetres.
_USUAL_STEP = 1.0
_MILLIMETRES = 1000


def check_units(files, cameras, source):
    """Raise InputError if "depth_unit" or "depth_scale" is given for files of which it says nothing.

    The one is of floats and of point clouds, the other of whole numbers. A folder may hold both, and then give both.
    Nothing is wrong where what is given says the same as what counts, such as "mm" beside steps of 1 mm.

    Args:
        files: Path of each depth image, by its name.
        cameras: `Camera` of each.
        source: Function from a `Camera`'s field and value to the path of the file that gives it.
    """
    for field, usual, of_whole in (("depth_unit", METRES, False), ("depth_scale", _USUAL_STEP, True)):
        given = [name for name, camera in cameras.items() if getattr(camera, field) != usual]
        if any(holds_whole_numbers(files[name]) == of_whole for name in given):
            continue
        wrong = next((name for name in given if not _agree(cameras[name])), None)
        if wrong is not None:
            # What is wrong with the file itself comes first, such as an .npy of whole numbers.
            check_values(files[wrong])
            camera = cameras[wrong]
            where = source(field, getattr(camera, field))
            words = _scale_of_floats if of_whole else _unit_of_whole_numbers
            raise InputError(f"{where} has {words(camera, files[wrong])}")


def _agree(camera):
    return camera.depth_scale == _step(camera)


def _step(camera):
    """Return the millimetres of one step of the unit of floats."""
    return round(UNITS[camera.depth_unit] * _MILLIMETRES)


def _unit_of_whole_numbers(camera, file):
    remedy = (
        f'give "depth_scale": {_step(camera)} in its place, the millimetres of one step'
        if camera.depth_scale == _USUAL_STEP
        else f'remove it, as "depth_scale" ({camera.depth_scale:g}) says the millimetres of one step'
    )
    return (
        f'"depth_unit": "{camera.depth_unit}", which is for floats and point clouds, but its depth images hold whole '
        f"numbers, such as {file}; {remedy}."
    )


def _scale_of_floats(camera, file):
    held = "are point clouds" if file.suffix.lower() in CLOUD_SUFFIXES else "hold floats"
    same = next((unit for unit, metres in UNITS.items() if camera.depth_scale == metres * _MILLIMETRES), None)
    if camera.depth_unit != METRES:
        remedy = f'remove it, as "depth_unit" ("{camera.depth_unit}") says their unit'
    elif same is not None:
        remedy = f'give "depth_unit": "{same}" in its place, or remove it if they are in metres'
    else:
        remedy = (
            'remove it if they are in metres, give "depth_unit": "cm" or "mm" in its place if they are in these, or '
            "convert them"
        )
    return (
        f'"depth_scale": {camera.depth_scale:g}, which is for whole numbers, but its depth images {held}, such as '
        f"{file}; {remedy}."
    )
