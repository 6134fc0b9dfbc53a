"""Metadata and requirements; the folders layers/, optimizers/ and export/ install under the one import name tfapp."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent

# The ground floors stand at the top of the repository because people use them without the
# application; this maps them into tfapp.* so that no package called "layers" reaches site-packages.
PACKAGE_DIRS = {
    "tfapp": "tfapp",
    "tfapp.layers": "layers",
    "tfapp.optimizers": "optimizers",
    "tfapp.export": "export",
}
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "tfapp" / "__init__.py").read_text(encoding="utf-8"))[1]

APP = [
    "scikit-image>=0.24",  # contingency tables and watershed of the membrane scores, PSNR, SSIM
    "tifffile>=2022.8.12",  # parts of large TIFF files; scikit-image needs it too
    "h5py>=3.11",  # surfaces for the programs of Li et al.; Keras needs it too
    "scikit-learn>=1.5",  # clusterings and the scores of pairs
    "threadpoolctl>=3.1",  # one thread for them: more only get in each other's way
    "pillow>=10.3",  # decoding of people's images, 16-bit and CMYK included
    "matplotlib>=3.8",  # figures as files
    "plotly>=5.20",  # interactive surfaces with the script inlined
    "typer>=0.12",  # command line
    "rich>=13.7",  # tables and progress bars with ETA
    "pyyaml>=6.0",  # options in a file
]
DOCS = [
    f"{name}; python_version >= '3.11'"
    for name in ("sphinx>=8.2", "myst-parser>=4.0", "furo>=2024.8.6", "sphinx-copybutton>=0.5.2")
]


# Beside `app`: the command line, readers of images, plots, models and landscapes, which every extra brings.
EXTRAS = {
    # Warm-up requests, the client by gRPC and models.config need the serving protos, which bring grpcio; keep
    # their minor equal to TensorFlow's (the constraints file does), or pip mixes two TensorFlow trees in one place.
    "serving": ["tensorflow-serving-api>=2.18"],
    # The same export for other engines. TFLite files need nothing more than TensorFlow.
    "onnx": ["tf2onnx>=1.16.1", "onnx>=1.16", "onnxruntime>=1.18"],
    "openvino": ["openvino>=2024.4"],
    # Whole slides in the formats of the scanners.
    "slides": ["openslide-python>=1.3", "openslide-bin>=4.0.0.2"],
    # 3D models and poses from depth: ray casting and registration, physics, pieces of a mesh of one's own,
    # depth images in EXR (3.3: the File class), meshes in PLY, faces of more than three corners.
    "pose": [
        "open3d-cpu>=0.19",
        "mujoco>=3.2",
        "coacd>=1.0.5",
        "OpenEXR>=3.3",
        "plyfile>=1.1",
        "mapbox_earcut>=1.0.1",
    ],
    # Objects as boxes: selective search (headless: without libraries of a desktop), and COCO's scores; 2.0.8 is the
    # first for NumPy 2.
    "detection": ["opencv-contrib-python-headless>=4.10", "pycocotools>=2.0.8"],
    # Trained networks of keras-hub, which needs Python 3.11 and the newest Keras.
    "hub": ["keras-hub>=0.32; python_version >= '3.11'"],
    # Points of a landscape on many machines.
    "dask": ["distributed>=2024.5"],
    # Pictures of a landscape and of sharpness among the scalars of a training.
    "tensorboard": ["tensorboard>=2.18"],
    # The book.
    "docs": DOCS,
    # cvxpy: an independent convex solver to check the total-variation layers against. hypothesis: looks for inputs
    # that are neither read right nor refused. The engines that exports are checked by.
    "test": [
        "pytest>=8.2",
        "pytest-xdist>=3.6",
        "hypothesis>=6.100",
        "ruff>=0.6",
        "build>=1.2",
        "setuptools>=77",
        "wheel>=0.43",
        "cvxpy>=1.5",
        "distributed>=2024.5",
        "tensorboard>=2.18",
        "tf2onnx>=1.16.1",
        "onnx>=1.16",
        "onnxruntime>=1.18",
        "openvino>=2024.4",
        "openslide-python>=1.3",
        "openslide-bin>=4.0.0.2",
        "opencv-contrib-python-headless>=4.10",
        "pycocotools>=2.0.8",
        "keras-hub>=0.32; python_version >= '3.11'",
        *DOCS,
    ],
    # Peers of the layers and of landscapes; the benchmarks leave out what is not installed.
    "benchmarks": [
        "cvxpylayers>=1.2; python_version >= '3.11'",
        "deepinv>=0.5",
        "loss-landscapes>=3.0.6",
        "PyMaxflow>=1.3",
        "torch>=2.0",
        "torchvision>=0.15",
    ],
}


def packages():
    """Return the names of all packages: those that `PACKAGE_DIRS` maps, and every folder with code below them."""
    for name, folder in PACKAGE_DIRS.items():
        yield name
        yield from (f"{name}.{below}" for below in find_packages(str(ROOT / folder)))


def long_description():
    """Return README.md for the page of a package index, which has no files beside it.

    Pictures that stand in the repository are left out with their captions, links to its files become the files' names.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n\n(?:\*[^\n]+\*\n\n)?", "", text)
    return re.sub(
        r"\[([^]]+)\]\((?!https?:)([^)]+)\)", lambda m: m[1] if m[1] == m[2] else f"{m[1]} ({m[2]})", text
    )


setup(
    name="tfapp",
    version=VERSION,
    description="Spatially regular segmentation networks, loss landscapes and SavedModel export for Keras",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords="tensorflow keras segmentation total-variation loss-landscape global-optimization savedmodel",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    python_requires=">=3.10,<3.14",
    package_dir=PACKAGE_DIRS,
    packages=list(packages()),
    package_data={
        f"tfapp.reproduce.{paper}": ["published.json"] for paper in ("tv", "bpgrad", "landscape", "transfer")
    },
    # Enough for `tfapp.layers` and `tfapp.optimizers`; `tfapp.lazy_names` names the extra of what else is missing.
    install_requires=[
        "tensorflow>=2.18",  # first release whose default Keras is 3 with ExportArchive as used here
        "keras>=3.10",  # mean_with_sample_weight reduction; BPGrad under MirroredStrategy
        "numpy>=1.26",  # Generator seeding by sequences, NumPy 2 names
        "scipy>=1.13",  # smooth fields of the cell generator
    ],
    extras_require={"app": APP, **{name: [*APP, *libraries] for name, libraries in EXTRAS.items()}},
    entry_points={"console_scripts": ["tfapp=tfapp.__main__:main"]},
)
