"""Our wire against botocore's own: what it serializes we parse, what we render it parses, for all operations."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.dispatch import built, error_body, operation_name, render
from api.protocol import model, validate, wire
from api.protocol.canonical import SignedRequest
from pipeline.catalog import OPERATIONS
from pipeline.conduct.answer import Answer
from pipeline.errors import RequestError
from pipeline.images.catalog import IMAGE_OPERATIONS
from tests.support.from_shape import example, from_shape, wrongs

ALL = sorted(model.operations())
FEW = settings(
    max_examples=20, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def operation(name: str) -> OperationModel:
    return model.operations()[name]


def test_the_model_has_the_operations_that_we_know_of() -> None:
    assert len(ALL) == 75


@pytest.mark.parametrize("name", ALL)
@FEW
@given(data=st.data())
def test_what_botocore_serializes_we_parse(name: str, data: st.DataObject) -> None:
    given_request = data.draw(from_shape(operation(name).input_shape))
    sent = create_serializer("json").serialize_to_request(given_request, operation(name))
    headers = [(k.lower(), v) for k, v in sent["headers"].items()]
    assert operation_name(SignedRequest("POST", "/", "", headers, b"")) == name

    parsed = wire.parse(operation(name).input_shape, wire.loads(sent["body"]))

    assert parsed == given_request
    validate.check(operation(name), parsed)


@pytest.mark.parametrize("name", ALL)
@FEW
@given(data=st.data())
def test_botocore_parses_what_we_render(name: str, data: st.DataObject) -> None:
    shape = operation(name).output_shape
    answer = data.draw(from_shape(shape))

    body = render(operation(name), answer)

    assert _parsed(name, body) == answer


@pytest.mark.parametrize("pair", OPERATIONS.values(), ids=lambda o: o.name)
@FEW
@given(data=st.data())
def test_spliced_items_are_the_same_answer(pair, data: st.DataObject) -> None:
    shape = operation(pair.get).output_shape
    members = data.draw(from_shape(shape))
    items = members.pop(pair.result_key, [])
    raw = b",".join(json.dumps(wire.dump(shape.members[pair.result_key].member, item)).encode() for item in items)

    body = render(operation(pair.get), Answer(members, pair.result_key, raw))

    assert _parsed(pair.get, body) == {**members, pair.result_key: items}


@pytest.mark.parametrize("name", ALL)
def test_a_full_example_is_valid(name: str) -> None:
    validate.check(operation(name), example(operation(name).input_shape))


@pytest.mark.parametrize("name", ALL)
def test_every_constraint_is_checked(name: str) -> None:
    for wrong in wrongs(operation(name).input_shape):
        with pytest.raises(RequestError) as refusal:
            validate.check(operation(name), wrong.request)
        promised = name == "ListMediaAnalysisJobs" and wrong.path == "maxResults"
        assert refusal.value.code == ("InvalidParameterException" if promised else "ValidationException"), wrong
        assert f"at '{wrong.path}' failed to satisfy constraint: " in refusal.value.message, wrong
        assert wrong.constraint in refusal.value.message


def test_constraints_of_every_kind_are_in_the_model() -> None:
    kinds = {
        w.constraint.partition(" equal")[0].partition(":")[0] for n in ALL for w in wrongs(operation(n).input_shape)
    }
    assert kinds == {
        "Member must not be null",
        "enum value set",
        "length greater than or",
        "length less than or",
        "regular expression pattern",
        "value greater than or",
        "value less than or",
    }


@pytest.mark.parametrize("code", sorted({*model.COMMON_ERRORS, *(s.name for s in model.service().error_shapes)}))
def test_botocore_reads_our_errors(code: str) -> None:
    status = model.status_of(code)
    parsed = create_parser("json").parse(
        {"headers": {}, "body": error_body(code, "Why."), "status_code": status}, operation("ListFaces").output_shape
    )
    assert parsed["Error"] == {"Code": code, "Message": "Why."}
    assert (status == 500) == (code in {"InternalServerError", "ThrottlingException"})


def test_every_served_operation_is_in_the_model() -> None:
    handlers = built()
    assert set(handlers) >= {name for pair in OPERATIONS.values() for name in (pair.start, pair.get)}
    assert set(handlers) >= set(IMAGE_OPERATIONS)
    assert set(handlers) <= set(ALL)


@pytest.mark.parametrize("name", IMAGE_OPERATIONS)
def test_the_images_of_every_operation_on_images_are_members_of_its_request(name: str) -> None:
    members = operation(name).input_shape.members
    images = IMAGE_OPERATIONS[name].images
    assert {member for member, shape in members.items() if shape.name == "Image"} == set(images)
    assert set(images) <= set(operation(name).input_shape.required_members)


def _parsed(name: str, body: bytes) -> dict[str, object]:
    response = {"headers": {}, "body": body, "status_code": 200}
    parsed = create_parser("json").parse(response, operation(name).output_shape)
    del parsed["ResponseMetadata"]
    return parsed


def test_the_page_of_coverage_is_up_to_date() -> None:
    script = Path(__file__).resolve().parents[2] / "scripts" / "surface.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
