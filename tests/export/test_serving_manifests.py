"""The manifests of the guide: YAML that says the same as `tfapp export config` does."""

import re
from pathlib import Path

import pytest

from tfapp.export import ServedModel
from tfapp.export.models_config import server_flags

yaml = pytest.importorskip("yaml")
GUIDE = Path(__file__).parents[2] / "docs" / "serving.md"
FLAGS = server_flags([ServedModel(Path("cells"), labels={"stable": 3})], "/config/models.config")


@pytest.fixture(scope="module")
def manifests():
    """Documents by their kind; that of Docker Compose has none."""
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return {one.get("kind"): one for block in blocks for one in yaml.safe_load_all(block)}


def test_there_are_these(manifests):
    assert set(manifests) == {None, "Deployment", "Service", "InferenceService"}


def test_compose_and_deployment_start_the_server_with_the_flags_of_the_command(manifests):
    [container] = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == FLAGS == manifests[None]["services"]["serving"]["command"]


def test_what_is_mounted_and_asked_for_is_declared(manifests):
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/models", "/config"}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert container["readinessProbe"]["httpGet"]["port"] in ports
    asked = {port["targetPort"]: port["port"] for port in manifests["Service"]["spec"]["ports"]}
    assert asked == ports


def test_service_and_deployment_select_the_same(manifests):
    deployment = manifests["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == manifests["Service"]["spec"]["selector"]
