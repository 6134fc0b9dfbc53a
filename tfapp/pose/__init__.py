"""Parts in a bin: their 3D model, their poses and their instances, learned from depth images alone.

Importing the package is cheap; TensorFlow, Open3D and MuJoCo load with what needs them.
"""

from importlib import import_module

_HOMES = {
    "Camera": "scenes.camera",
    "SceneFolder": "scenes.scene_folder",
    "ScenePoints": "observations",
    "SceneSettings": "simulation.simulator",
    "part_named": "simulation.simulate",
    "sample_points": "observations",
    "sensor_named": "simulation.sensors",
    "simulate_scenes": "simulation.simulate",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
