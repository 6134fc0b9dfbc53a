import io
import json
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfapp.export import describe


@pytest.fixture(scope="module")
def described(exported):
    return describe(exported.base)


def test_description_is_exactly_this(described, exported):
    images = {"alias": "images", "dtype": "uint8", "shape": [None, None, None, 3]}
    signature = described["signatures"]["serving_uint8"]
    assert {key: signature["inputs"][0][key] for key in images} == images
    assert signature["inputs"][0]["meaning"] == "RGB images of any height and width, values 0 to 255"
    assert [tensor["alias"] for tensor in signature["outputs"]] == ["labels", "probabilities"]
    assert signature["curl"] == (
        'echo \'{"signature_name": "serving_uint8", "inputs": {"images": '
        "[[[[128, 128, 128], [128, 128, 128]]]]}}' | curl -d @- http://localhost:8501/v1/models/cells:predict"
    )
    assert described["docker"] == (
        f"docker run -p 8500:8500 -p 8501:8501 -v {exported.base}:/models/cells "
        "-e MODEL_NAME=cells tensorflow/serving"
    )
    assert (described["name"], described["version"]) == ("cells", 1)
    assert described["class_names"] == ["background", "cell", "nucleus"]
    assert described["palette"] is None


def test_description_warns_of_batching_and_says_what_is_not_checked(described):
    assert "call serving_bytes only" in described["batching"]
    assert "HTTP and gRPC front end" in described["limits"]


def test_description_is_plain_json(described):
    assert json.loads(json.dumps(described)) == described


def test_curl_request_carries_the_file_in_base64(described, tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "image.png")
    command = described["signatures"]["serving_bytes"]["curl"].replace("curl -d @- http", "cat; : http")
    body = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True).stdout
    request = json.loads(body)
    assert request["signature_name"] == "serving_bytes"
    (value,) = request["inputs"]["image_bytes"]
    assert (
        tf.io.decode_base64(value["b64"].replace("+", "-").replace("/", "_"))
        == (tmp_path / "image.png").read_bytes()
    )


def test_description_follows_the_graph_and_not_the_manifest(exported, tmp_path):
    folder = tmp_path / "7"
    shutil.copytree(exported.folder, folder)
    (folder / "assets.extra" / "export.json").unlink()
    found = describe(folder)
    assert found["signatures"].keys() == {"serving_default", "serving_uint8", "serving_bytes"}
    assert found["signatures"]["serving_bytes"]["inputs"][0]["meaning"] is None
    assert (found["name"], found["version"], found["class_names"]) == (tmp_path.name, 7, None)


@pytest.mark.slow
def test_saved_model_cli_reproduces_the_labels_of_every_signature(
    exported, described, picture, keras_answer, tmp_path
):
    pixels = picture(10, 13)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    floats = pixels[np.newaxis].astype(np.float32) / 255
    values = {
        "serving_default": ("images", floats, "labels"),
        "serving_uint8": ("images", pixels[np.newaxis], "labels"),
        "serving_bytes": ("image_bytes", np.array([file.getvalue()], "S"), "labels_png_bytes"),
    }
    running = {}
    for signature, (alias, value, _) in values.items():
        folder = tmp_path / signature
        folder.mkdir()
        np.save(folder / f"{alias}.npy", value)
        _, *arguments = shlex.split(described["signatures"][signature]["saved_model_cli"])
        command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", *arguments]
        running[signature] = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    expected = keras_answer(exported.model, floats).argmax(-1)
    for signature, process in running.items():
        said, _ = process.communicate()
        assert process.returncode == 0, said
        is_file = signature == "serving_bytes"
        answer = np.load(
            tmp_path / signature / "answers" / f"{values[signature][2]}.npy", allow_pickle=is_file
        )
        if is_file:
            with Image.open(io.BytesIO(answer[0])) as labels:
                answer = np.asarray(labels)[np.newaxis]
        np.testing.assert_array_equal(answer, expected, err_msg=signature)
