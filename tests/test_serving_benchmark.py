"""The load test of a served segmenter, before a test double of the server, with few requests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow_serving")
ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/proc/self/status", os.R_OK), reason="memory is read as Linux tells it")
def test_a_thousand_mixed_requests_have_right_answers_and_memory_stays(tmp_path):
    """Answers are compared with Keras; the speed of a shared machine is not judged."""
    file = tmp_path / "serving.json"
    command = [sys.executable, "benchmarks/serving.py", "--requests", "1000", "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {row["claim"]: row for row in json.loads(file.read_text(encoding="utf-8"))}
    assert rows["wrong answers of the test double, of all"]["ours"] == 0, done.stdout
    assert rows["crashes and failures, of all"]["ours"] == 0, done.stdout
    assert rows["bad files that were refused, of all"]["ours"] > 20
    memory = rows["resident memory at the end / after a fifth of the requests"]
    assert memory["memory_ratio"] < 1.15, done.stdout
