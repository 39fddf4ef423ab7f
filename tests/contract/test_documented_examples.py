"""Every request that Amazon documents an example of, sent by the SDKs that document it, and answered as documented.

The pictures are not Amazon's, so that values which depend on them differ; members and their types must not.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from api.dispatch import built
from api.protocol import model, wire
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.models.library import Library
from pipeline.store.keys import AccessKey
from tests.support import documented, npm
from tests.support.api_installation import rekognition
from tests.support.documented import Examples, missing, renamed
from tests.support.from_shape import example
from tests.support.image_installation import answering
from tests.support.signed_calls import call
from tests.support.sns_installation import Installation

pytestmark = [pytest.mark.weights, pytest.mark.slow]

Client = Callable[[str, Mapping[str, Any]], Any]
"""Sends a request of an operation; the answer, or the code of the error."""

V2, V3 = "aws-sdk", "@aws-sdk/client-rekognition"
SCRIPT = """
const sdk = require(process.argv[2]);
const options = { endpoint: process.env.ENDPOINT, region: "us-east-1", maxAttempts: 1, maxRetries: 0 };
const client = new sdk.Rekognition(options);
const ask = ({ operation, request }) => {
  const sent = client[operation[0].toLowerCase() + operation.slice(1)](request);
  return sent.promise ? sent.promise() : sent;
};
(async () => {
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    const answer = await ask(JSON.parse(line)).catch((error) => error.name || error.code);
    console.log(JSON.stringify(answer));
  }
})();
"""
PHOTOS = {
    "mybucket/mysourceimage": "azure_Family1-Dad1",
    "mybucket/mytargetimage": "azure_identification1",
    "mybucket/myphoto": "azure_identification1",
    "bucket/input.jpg": "azure_identification1",
    **{f"people/{name}": f"azure_Family1-{name}" for name in ("Dad1", "Dad2", "Dad3", "Mom1", "Mom2", "Son1")},
}
UNSAID = {
    "DetectFaces": {".OrientationCorrection is missing"},  # the reference says of the same member: "always null"
    "IndexFaces": {".OrientationCorrection is missing"},
    "ListUsers": {".NextToken is missing"},  # all users fit in one page
}
ONE, TWO, THREE = (
    "f5817d37-94f6-4335-bfee-6cf79a3d806e",
    "851cb847-dccc-4fea-9309-9f4805967855",
    "35ebbb41-7f67-4263-908d-dd0ecba05ab9",
)
FOUR, FIVE, SIX = (
    "c92265d4-5f9c-43af-a58e-12be0ce02bc3",
    "ff43d742-0c13-5d16-a3e8-03d3f58e980b",
    "70008e50-75e4-55d0-8e80-363fb73b3a14",
)


@pytest.fixture(scope="module")
def installation(media: Path, models_dir: Path) -> Iterator[Installation]:
    """An installation with the photos of the examples."""
    with answering(Library(models_dir, threads=2)) as one:
        for place, photo in PHOTOS.items():
            bucket, _, key = place.partition("/")
            one.services.objects.put(bucket, key, (media / f"images/identity/{photo}.jpg").read_bytes())
        yield one


@contextmanager
def python(installation: Installation, key: AccessKey) -> Iterator[Client]:
    client = rekognition(installation, key)

    def ask(operation: str, request: Mapping[str, Any]) -> Any:
        try:
            answered = getattr(client, xform_name(operation))(**request)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return {name: value for name, value in answered.items() if name != "ResponseMetadata"}

    yield ask


@contextmanager
def javascript(installation: Installation, key: AccessKey, package: Path) -> Iterator[Client]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret, "ENDPOINT": installation.url}
    quiet = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1"}
    command = ["node", "--no-warnings", "-e", SCRIPT, "-", str(package)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=own | keys | quiet, **pipes) as node:
        out: IO[str] = node.stdout  # type: ignore[assignment]

        def ask(operation: str, request: Mapping[str, Any]) -> Any:
            print(json.dumps({"operation": operation, "request": request}), file=node.stdin, flush=True)
            return json.loads(out.readline())

        yield ask
        assert node.stdin is not None
        node.stdin.close()


PAIRS = (("botocore", "boto3"), (V2, "boto3"), (V2, V2), (V2, V3))
"""Whose examples, and who sends them; botocore has the older ones."""


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def examples(pair: tuple[str, str], pytestconfig: pytest.Config) -> Examples:
    if pair[0] == "botocore":
        return documented.of_botocore()
    return documented.of_javascript(npm.installed(pytestconfig, V2) / "node_modules")


@pytest.fixture
def client(pair: tuple[str, str], installation: Installation, pytestconfig: pytest.Config) -> Iterator[Client]:
    """An SDK with the keys of an account that has nothing yet."""
    key = installation.services.keys.create(str(PAIRS.index(pair)).rjust(12, "2"))
    package = None if pair[1] == "boto3" else npm.installed(pytestconfig, pair[1]) / "node_modules" / pair[1]
    with javascript(installation, key, package) if package else python(installation, key) as one:
        yield one


class Story:
    """The examples in an order in which each finds what it is about.

    Attributes:
        faces: Photo in the bucket `people`, or face of the documentation -> FaceId.
    """

    def __init__(self, client: Client, examples: Examples) -> None:
        self.client, self.examples = client, examples
        self.faces: dict[str, str] = {}
        self.told: set[str] = set()

    def tell(self, operation: str, **names: str) -> None:
        """Sends the documented requests of an operation, as far as there are any, and checks the answers."""
        self.told.add(operation)
        for one in self.examples.get(operation, ()):
            request = renamed(one.get("input") or {}, {**self.faces, **names})
            answered = self.client(operation, request)
            assert isinstance(answered, dict), f"{operation} answers {answered}"
            expected = renamed(one.get("output") or {}, {**self.faces, **names})
            faults = set(missing(expected, answered))
            assert faults <= UNSAID.get(operation, set()), f"{operation}: {faults} in {answered}"

    def ask(self, operation: str, **request: Any) -> Any:
        """An answer that is needed between the examples."""
        answered = self.client(operation, request)
        assert isinstance(answered, dict), f"{operation} answers {answered}"
        return answered

    def index(self, collection: str, *photos: str) -> None:
        for photo in photos:
            image = {"S3Object": {"Bucket": "people", "Name": photo}}
            (record,) = self.ask("IndexFaces", CollectionId=collection, Image=image)["FaceRecords"]
            self.faces[photo] = record["Face"]["FaceId"]

    def user(self, collection: str, user: str, *photos: str) -> None:
        faces = [self.faces[photo] for photo in photos]
        self.ask("AssociateFaces", CollectionId=collection, UserId=user, FaceIds=faces)


def collections_and_images(story: Story) -> None:
    for operation in ("CreateCollection", "ListCollections", "IndexFaces"):
        story.tell(operation)
    story.index("myphotos", "Dad1", "Mom1", "Son1")
    story.ask("CreateUser", CollectionId="myphotos", UserId="demoUser2")
    story.user("myphotos", "demoUser2", "Mom1")
    story.tell("ListFaces", **{FOUR: story.faces["Mom1"], TWO: story.faces["Son1"]})
    story.tell("SearchFaces", **{SIX: story.faces["Dad1"]})
    for operation in ("SearchFacesByImage", "CompareFaces", "DetectFaces", "DetectLabels"):
        story.tell(operation)
    story.tell("DeleteFaces", **{FIVE: story.faces["Son1"]})


def users(story: Story) -> None:
    story.ask("CreateCollection", CollectionId="MyCollection")
    story.index("MyCollection", "Dad1", "Dad2", "Dad3", "Mom1", "Mom2")
    story.tell("CreateUser")
    own = () if "CreateUser" in story.examples else ("DemoUser",)
    for user in (*own, "demoUser1", "demoUser2", "demoUser4"):
        story.ask("CreateUser", CollectionId="MyCollection", UserId=user)
    story.tell("ListUsers")
    story.user("MyCollection", "demoUser1", "Dad3")
    story.user("MyCollection", "demoUser2", "Mom1")
    story.user("MyCollection", "DemoUser", "Dad1")
    story.tell("AssociateFaces", **{ONE: story.faces["Mom2"], TWO: story.faces["Mom1"], THREE: story.faces["Dad2"]})
    story.tell("SearchUsers")
    story.tell("SearchUsersByImage")
    story.tell("DisassociateFaces", **{ONE: story.faces["Dad3"], FOUR: story.faces["Dad2"]})
    story.tell("DeleteUser")


def test_documented_requests_are_answered_as_documented(client: Client, examples: Examples) -> None:
    story = Story(client, examples)
    collections_and_images(story)
    users(story)
    story.tell("DeleteCollection")
    assert set(examples) & set(built()) <= story.told, "examples of operations that are served, but not tried here"
    for operation in set(examples) - set(built()):
        for one in examples[operation]:
            assert client(operation, one["input"]) == "NotImplementedException"


@pytest.mark.parametrize(
    ("answered", "faults"),
    [
        ({"Faces": [{"UserId": "a", "Confidence": 99}, {"FaceId": "other", "Confidence": 1.5}], "More": 1}, set()),
        ({"Faces": [{"FaceId": "f", "Confidence": 1}]}, {".Faces[0].UserId is missing"}),
        ({"Faces": []}, {".Faces[0] is missing", ".Faces[1] is missing"}),
        ({}, {".Faces is missing"}),
        (
            {"Faces": [{"UserId": "b", "FaceId": 5, "Confidence": 1}]},
            {".Faces[0].UserId is 'b', not 'a'", ".Faces[1].FaceId is 5, unlike 'f'"},
        ),
    ],
)
def test_differences_from_the_documentation_are_seen(answered: dict[str, Any], faults: set[str]) -> None:
    example_answer = {"Faces": [{"UserId": "a", "Confidence": 1.0}, {"FaceId": "f", "Confidence": 2}]}
    assert set(missing(example_answer, answered)) == faults


def full_requests(operation: str, photo: bytes) -> Iterator[Any]:
    """Requests with every member that there is; images are named, sent along, or both."""
    shape = model.operations()[operation].input_shape
    request = example(shape)
    images = IMAGE_OPERATIONS[operation].images if operation in IMAGE_OPERATIONS else ()
    sources = {"Bytes": photo, "S3Object": {"Bucket": "people", "Name": "Dad1"}}
    for chosen in ({"Bytes"}, {"S3Object"}, set(sources)) if images else ((),):
        image = {name: source for name, source in sources.items() if name in chosen}
        yield wire.dump(shape, request | dict.fromkeys(images, image))


def test_requests_with_all_members_are_served_or_refused_with_a_declared_error(
    installation: Installation, media: Path
) -> None:
    photo = (media / "images/identity/azure_Family1-Dad1.jpg").read_bytes()
    first = ["CreateCollection", "CreateUser"]
    last = [operation for operation in sorted(built()) if operation.startswith("Delete")][::-1]
    served = set()
    with httpx.Client(base_url=installation.url, timeout=60) as http:
        for operation in [*first, *sorted(set(built()) - {*first, *last}), *last]:
            for request in full_requests(operation, photo):
                response = call(http, installation.key, operation, request)
                if response.status_code == 200:
                    served.add(operation)
                    continue
                code = response.json()["__type"]
                assert code in model.declared_errors(model.operations()[operation]) - {"InternalServerError"}, (
                    operation,
                    response.text,
                )
    assert served >= {
        *{"CompareFaces", "DetectFaces", "DetectProtectiveEquipment", "IndexFaces", "RecognizeCelebrities"},
        *{"SearchFacesByImage", "SearchUsersByImage"},
        *{"CreateCollection", "CreateUser", "DescribeCollection", "DeleteUser", "DeleteCollection"},
    }, "requests in which nothing is made up but names"
