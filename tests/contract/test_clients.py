"""Other people's clients, unchanged: the AWS CLI and the AWS SDK for JavaScript v3."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import npm
from tests.support.sns_installation import Installation, installed

pytestmark = pytest.mark.slow

CLI = Path(sys.executable).with_name("aws")
SDK = "@aws-sdk/client-rekognition"
SCRIPT = """
const {{ RekognitionClient, StartLabelDetectionCommand, GetLabelDetectionCommand, DescribeStreamProcessorCommand }} = require("{sdk}");
const client = new RekognitionClient({{ endpoint: process.env.ENDPOINT, region: "us-east-1", maxAttempts: 1 }});
const error = (e) => ({{ name: e.name, message: e.message, status: e.$metadata.httpStatusCode, id: e.$metadata.requestId }});
(async () => {{
  const video = {{ S3Object: {{ Bucket: "videos", Name: "a b/clip é.mp4" }} }};
  const {{ JobId }} = await client.send(new StartLabelDetectionCommand({{ Video: video, MinConfidence: 55.5 }}));
  const page = await client.send(new GetLabelDetectionCommand({{ JobId }}));
  const invalid = await client.send(new GetLabelDetectionCommand({{ JobId: "no spaces" }})).catch(error);
  const unknown = await client.send(new GetLabelDetectionCommand({{ JobId: "unknown" }})).catch(error);
  const unbuilt = await client.send(new DescribeStreamProcessorCommand({{ Name: "n" }})).catch(error);
  console.log(JSON.stringify({{ JobId, page, invalid, unknown, unbuilt }}));
}})();
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("clients")) as one:
        one.services.objects.put("videos", "a b/clip é.mp4", b"pictures")
        yield one


@pytest.fixture(scope="module")
def environment(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What a user sets; nothing of the developer's own."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and k != "PYTHONWARNINGS"}
    return {
        **own,
        "AWS_ACCESS_KEY_ID": installation.key.id,
        "AWS_SECRET_ACCESS_KEY": installation.key.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path_factory.mktemp("aws") / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "ENDPOINT": installation.url,
    }


def aws(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    if not CLI.exists():
        pytest.skip("the AWS CLI is not installed in this environment")
    command = [sys.executable, str(CLI), "--endpoint-url", environment["ENDPOINT"], "--output", "json", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_aws_cli_starts_a_job_and_asks_for_it(environment: Mapping[str, str]) -> None:
    video = json.dumps({"S3Object": {"Bucket": "videos", "Name": "a b/clip é.mp4"}})
    started = aws(environment, "rekognition", "start-label-detection", "--video", video, "--job-tag", "cli")
    assert started.returncode == 0, started.stderr
    job = json.loads(started.stdout)["JobId"]
    page = json.loads(aws(environment, "rekognition", "get-label-detection", "--job-id", job).stdout)
    assert (page["JobId"], page["JobStatus"], page["JobTag"], page["Labels"]) == (job, "IN_PROGRESS", "cli", [])


def test_the_aws_cli_shows_our_errors(environment: Mapping[str, str]) -> None:
    shown = aws(environment, "rekognition", "get-label-detection", "--job-id", "no spaces")
    assert shown.returncode != 0
    assert (
        "(ValidationException) when calling the GetLabelDetection operation: 1 validation error detected"
        in shown.stderr
    )


def test_the_aws_cli_creates_a_topic(environment: Mapping[str, str]) -> None:
    made = aws(environment, "sns", "create-topic", "--name", "AmazonRekognitionDone")
    assert json.loads(made.stdout)["TopicArn"] == "arn:aws:sns:us-east-1:111122223333:AmazonRekognitionDone"


@pytest.fixture(scope="module")
def node_modules(pytestconfig: pytest.Config) -> Path:
    """A folder that has the SDK, kept between runs."""
    return npm.installed(pytestconfig, SDK) / "node_modules"


def test_the_sdk_for_javascript_works_unchanged(
    node_modules: Path, environment: Mapping[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "user.cjs"
    script.write_text(SCRIPT.format(sdk=(node_modules / SDK).as_posix()), encoding="utf-8")
    run = subprocess.run(
        ["node", "--no-warnings", str(script)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    seen: dict[str, Any] = json.loads(run.stdout)
    assert (seen["page"]["JobId"], seen["page"]["JobStatus"], seen["page"]["Labels"]) == (
        seen["JobId"],
        "IN_PROGRESS",
        [],
    )
    errors = {name: (seen[name]["name"], seen[name]["status"]) for name in ("invalid", "unknown", "unbuilt")}
    assert errors == {
        "invalid": ("ValidationException", 400),
        "unknown": ("ResourceNotFoundException", 400),
        "unbuilt": ("NotImplementedException", 501),
    }
    assert all(seen[name]["message"] and seen[name]["id"] for name in errors)
