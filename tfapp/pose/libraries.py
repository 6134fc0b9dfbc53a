"""Libraries of the pose task, imported where they are needed; a missing one becomes one sentence."""

from importlib import import_module

from tfapp.errors import InputError

INSTALL = 'pip install "tfapp[pose]"'
SYSTEM_PACKAGES = "libgl1 libx11-6 libgomp1 libusb-1.0-0"


def import_open3d():
    """Return the module `open3d`, which says nothing but errors from then on.

    Raises:
        InputError: Open3D, or a library of the system that it needs, is not installed.
    """
    open3d = _import("open3d", "Open3D")
    open3d.utility.set_verbosity_level(open3d.utility.VerbosityLevel.Error)
    return open3d


def import_mujoco():
    """Return the module `mujoco`, or raise InputError if it is not installed."""
    return _import("mujoco", "MuJoCo")


def import_coacd():
    """Return the module `coacd`, which says nothing but errors from then on; raise InputError without it."""
    coacd = _import("coacd", "CoACD, which cuts a mesh of one's own into convex pieces,")
    coacd.set_log_level("error")
    return coacd


def import_openexr():
    """Return the module `OpenEXR`, or raise InputError if it is not installed."""
    return _import("OpenEXR", "OpenEXR, which reads .exr depth images,")


def import_plyfile():
    """Return the module `plyfile`, or raise InputError if it is not installed."""
    return _import("plyfile", "plyfile, which reads .ply meshes,")


def import_earcut():
    """Return the module `mapbox_earcut`, or raise InputError if it is not installed."""
    return _import("mapbox_earcut", "mapbox_earcut, which cuts faces of more than three corners,")


def _import(module, name):
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise InputError(f"{name} is not installed: {INSTALL}.") from None
    except (ImportError, OSError) as error:
        raise InputError(
            f"{name} cannot be loaded because a library of the system is missing ({error}); "
            f"on Debian and Ubuntu: apt-get install {SYSTEM_PACKAGES}."
        ) from error
