"""A small BOP dataset, written by hand: boxes on a floor, seen by cameras that differ from image to image."""

import json

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT, FLOOR = 64, 48, 700.0
# Of objects 1 and 5 in millimetres; the first is its own image turned by half about each axis.
BOXES = {1: (40.0, 24.0, 16.0), 5: (30.0, 30.0, 50.0)}
DEPTH_SCALE = 0.1


def intrinsics(number):
    """Return K (3, 3) as OpenCV counts pixels, another one for each image."""
    return np.array([[150.0 + number, 0, 31.2 + number / 4], [0, 152.0 + number, 23.9], [0, 0, 1]])


def pose(seed, place):
    """Return a rotation (3, 3) and a translation (3,) in millimetres, of the model's frame into the camera's."""
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    return rotation, np.array([place, 5.0 * (seed % 3) - 5, 620.0])


def render(matrix, poses):
    """Return depth in millimetres and which of (object, rotation, translation) is seen, -1 for the floor."""
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(matrix).T
    depths = [np.full((HEIGHT, WIDTH), FLOOR)]
    for number, rotation, translation in poses:
        half = np.array(BOXES[number]) / 2
        origin, turned = -translation @ rotation, rays @ rotation
        crossed = (np.stack([-half, half])[:, None, None] - origin) / turned
        enters, leaves = crossed.min(0).max(-1), crossed.max(0).min(-1)
        depths.append(np.where(enters < leaves, enters, np.inf))
    return np.min(depths, 0), np.argmin(depths, 0) - 1


def annotations(scene, image):
    """Return what an image shows: (object, rotation, translation) in millimetres."""
    seed = 10 * scene + image
    shown = [(1, *pose(seed, -45.0)), (5, *pose(seed + 100, 0.0)), (1, *pose(seed + 200, 45.0))]
    # Object 1 is shown twice, but for the second image of each scene.
    return shown[:2] if image == 1 else shown


def mesh_of_box(sides):
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * np.array(sides) / 2
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    return corners, [[a, *pair] for a, b, c, d in faces for pair in ((b, c), (c, d))]


def write_bop(root, scenes=2, images=4, *, camera_type="", first_image=0):
    """Write the split `test` of a dataset and its models; return the split."""
    ending = f"_{camera_type}" if camera_type else ""
    for scene in range(1, scenes + 1):
        folder = root / "test" / f"{scene:06d}"
        for name in ("depth", "mask_visib"):
            (folder / f"{name}{ending}").mkdir(parents=True)
        cameras, truth, info = {}, {}, {}
        for image in range(first_image, first_image + images):
            shown = annotations(scene, image)
            depth, seen = render(intrinsics(image), shown)
            steps = (depth / DEPTH_SCALE).round().astype(np.uint16)
            Image.fromarray(steps).save(folder / f"depth{ending}" / f"{image:06d}.png")
            for number in range(len(shown)):
                mask = Image.fromarray((255 * (seen == number)).astype(np.uint8))
                mask.save(folder / f"mask_visib{ending}" / f"{image:06d}_{number:06d}.png")
            matrix = intrinsics(image).ravel().tolist()
            cameras[str(image)] = {"cam_K": matrix, "depth_scale": DEPTH_SCALE}
            truth[str(image)] = [
                {"obj_id": number, "cam_R_m2c": rotation.ravel().tolist(), "cam_t_m2c": translation.tolist()}
                for number, rotation, translation in shown
            ]
            info[str(image)] = [{"visib_fract": 1.0, "px_count_visib": 99} for _ in shown]
        for name, content in (("scene_camera", cameras), ("scene_gt", truth), ("scene_gt_info", info)):
            (folder / f"{name}{ending}.json").write_text(json.dumps(content))
    (root / "camera.json").write_text(json.dumps({"width": WIDTH, "height": HEIGHT, "fx": 150, "fy": 150}))
    write_models(root / "models_eval")
    return root / "test"


def write_models(folder):
    folder.mkdir(parents=True)
    records = {}
    for number, sides in BOXES.items():
        corners, triangles = mesh_of_box(sides)
        lines = [
            "ply\nformat ascii 1.0",
            f"element vertex {len(corners)}",
            *(f"property float {axis}" for axis in "xyz"),
            f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header",
            *(" ".join(map(str, corner)) for corner in corners),
            *(f"3 {a} {b} {c}" for a, b, c in triangles),
        ]
        (folder / f"obj_{number:06d}.ply").write_text("\n".join(lines) + "\n")
        records[str(number)] = {"diameter": float(np.linalg.norm(sides))}
    turns = [np.diag([*signs, 1.0]).ravel().tolist() for signs in ((1, -1, -1), (-1, 1, -1), (-1, -1, 1))]
    records["1"]["symmetries_discrete"] = turns
    records["5"]["symmetries_continuous"] = [{"axis": [0, 0, 2], "offset": [0, 0, 3]}]
    (folder / "models_info.json").write_text(json.dumps(records))


def edit_record(file, change):
    """Read a JSON file, apply a function to its content in place, and write it."""
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
