"""The query protocol against botocore's own serializer and parser."""

from contextlib import suppress
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from api.protocol.canonical import SignedRequest
from api.protocol.query import MAX_FIELDS, MAX_FORM_BYTES, parse, read_form, render, render_error, sns_model, status_of
from api.sns.endpoint import HANDLERS
from pipeline.errors import RequestError

# XML turns carriage returns into line feeds, and cannot hold most control characters.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20)
OPERATIONS = [sns_model().operation_model(name) for name in sorted(HANDLERS)]


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Values of the shape."""
    if isinstance(shape, StructureShape):
        members = {name: values(member) for name, member in shape.members.items()}
        optional = {name: members.pop(name) for name in list(members) if name not in shape.required_members}
        return st.fixed_dictionaries(members, optional=optional)
    if isinstance(shape, ListShape):
        return st.lists(values(shape.member), max_size=12)
    if isinstance(shape, MapShape):
        return st.dictionaries(values(shape.key), values(shape.value), max_size=3)
    if shape.type_name == "boolean":
        return st.booleans()
    return st.binary(max_size=20) if shape.type_name == "blob" else TEXT


def without_empty(value: Any) -> Any:
    """What is left when empty maps and structures are absent: the protocol cannot spell them."""
    if isinstance(value, dict):
        kept = {name: without_empty(member) for name, member in value.items()}
        return {name: member for name, member in kept.items() if member != {}}
    return [without_empty(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: str(o.name))
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_botocore_serializes_is_parsed(operation: OperationModel, data: st.DataObject) -> None:
    request = data.draw(values(operation.input_shape))
    body = create_serializer("query", include_validation=False).serialize_to_request(request, operation)["body"]
    form = {name: str(value) for name, value in body.items()}
    assert without_empty(parse(operation.input_shape, form)) == without_empty(request)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: str(o.name))
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_rendered_botocore_parses(operation: OperationModel, data: st.DataObject) -> None:
    result = data.draw(values(operation.output_shape)) if operation.output_shape else {}
    raw = {"body": render(operation, result, "id-1"), "headers": {}, "status_code": 200}
    parsed = create_parser("query").parse(raw, operation.output_shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "id-1"
    assert without_empty(parsed) == without_empty(result)


@given(st.sampled_from(["NotFound", "InvalidParameter", "InternalFailure"]), TEXT)
def test_errors_reach_the_client(code: str, message: str) -> None:
    raw = {"body": render_error(code, message, "id-1"), "headers": {}, "status_code": status_of(code)}
    parsed = create_parser("query").parse(raw, sns_model().operation_model("Subscribe").output_shape)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"] or "") == (code, message)
    assert parsed["Error"]["Type"] == ("Receiver" if code == "InternalFailure" else "Sender")


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=10), max_size=10))
def test_no_form_breaks_the_parser(form: dict[str, str]) -> None:
    for name in ("CreateTopic", "Publish"):
        with suppress(RequestError):
            request = parse(sns_model().operation_model(name).input_shape, form)
            assert request.keys() <= sns_model().operation_model(name).input_shape.members.keys()


def test_list_items_keep_their_numbers_order() -> None:
    form = {"Name": "t"} | {f"Tags.member.{n}.{part}": f"{part}{n}" for n in (10, 2, 1) for part in ("Key", "Value")}
    tags = parse(sns_model().operation_model("CreateTopic").input_shape, form)["Tags"]
    assert [tag["Key"] for tag in tags] == ["Key1", "Key2", "Key10"]


def test_every_modelled_code_has_the_status_of_the_model() -> None:
    assert (status_of("NotFound"), status_of("Throttled"), status_of("NotImplementedException")) == (404, 429, 501)
    assert status_of("AuthorizationError") == 403
    assert status_of("InvalidAction") == 400


def form_of(body: bytes, query: str = "", method: str = "POST") -> dict[str, str]:
    return read_form(SignedRequest(method, "/", query, [], body))


def test_a_form_is_read_from_query_and_body() -> None:
    body = b"Action=Publish&Message=%C3%A9+%F0%9F%8E%AC&Subject="
    assert form_of(body, "Action=x&Version=1") == {
        "Action": "Publish",
        "Version": "1",
        "Message": "é 🎬",
        "Subject": "",
    }
    assert form_of(body, "Action=Unsubscribe", "GET") == {"Action": "Unsubscribe"}


@pytest.mark.parametrize("value", [b"%00", b"a%00b", b"%ff", b"\xff", b"\0", b"%ED%A0%80"])
def test_what_is_not_text_is_refused_by_the_field_s_name(value: bytes) -> None:
    with pytest.raises(RequestError, match="Message Reason: ") as refused:
        form_of(b"Action=Publish&Message=" + value)
    assert refused.value.code == "InvalidParameter"


@pytest.mark.parametrize("body", [b"a" * (MAX_FORM_BYTES + 1), b"&".join([b"a=1"] * (MAX_FIELDS + 1))])
def test_a_form_has_a_bounded_size(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        form_of(body)
    assert (refused.value.code, status_of(refused.value.code)) == ("RequestEntityTooLarge", 413)


def test_the_longest_message_fits_into_a_form() -> None:
    body = b"Action=Publish&Message=" + b"%0A" * (256 * 1024)
    assert len(form_of(body)["Message"]) == 256 * 1024


def test_names_deeper_than_the_model_are_ignored() -> None:
    deep = ".".join(["Name"] * 100_000)
    assert parse(sns_model().operation_model("CreateTopic").input_shape, {"Name": "t", deep: "x"}) == {"Name": "t"}
