"""AWS JSON 1.1 by shape, on small models of our own."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import Shape, ShapeResolver

from api.protocol import wire
from pipeline.errors import RequestError

SHAPES = {
    "All": {
        "type": "structure",
        "members": {
            "Text": {"shape": "Text"},
            "Flag": {"shape": "Flag"},
            "Count": {"shape": "Count"},
            "Big": {"shape": "Big"},
            "Ratio": {"shape": "Ratio"},
            "Bytes": {"shape": "Bytes"},
            "When": {"shape": "When"},
            "List": {"shape": "List"},
            "Map": {"shape": "Map"},
            "Inner": {"shape": "Inner"},
        },
    },
    "Inner": {"type": "structure", "members": {"Text": {"shape": "Text"}}},
    "Text": {"type": "string"},
    "Flag": {"type": "boolean"},
    "Count": {"type": "integer"},
    "Big": {"type": "long"},
    "Ratio": {"type": "float"},
    "Bytes": {"type": "blob"},
    "When": {"type": "timestamp"},
    "List": {"type": "list", "member": {"shape": "Inner"}},
    "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Count"}},
}
VALUE = {
    "Text": "é☃",
    "Flag": False,
    "Count": -5,
    "Big": 2**40,
    "Ratio": 0.5,
    "Bytes": b"\0\xff",
    "When": datetime(2026, 1, 2, 3, 4, 5, 250000, UTC),
    "List": [{"Text": ""}, {}],
    "Map": {"a": 1},
    "Inner": {"Text": "x"},
}
ON_THE_WIRE = {
    **VALUE,
    "Bytes": "AP8=",
    "When": 1767323045.25,
}


def shape(name: str = "All") -> Shape:
    return ShapeResolver(SHAPES).get_shape_by_name(name)


def refusal(value: Any) -> str:
    with pytest.raises(RequestError) as refused:
        wire.parse(shape(), value)
    assert refused.value.code == "SerializationException"
    return refused.value.message


def test_every_type_goes_both_ways() -> None:
    assert json.loads(wire.dumps(shape(), VALUE)) == ON_THE_WIRE
    assert wire.parse(shape(), ON_THE_WIRE) == VALUE


def test_null_members_are_absent_and_unknown_ones_ignored() -> None:
    assert wire.parse(shape(), {"Text": None, "Inner": {"Other": 1}, "New": [1]}) == {"Inner": {}}
    assert wire.dump(shape(), {"Text": None, "Inner": {"Text": None}}) == {"Inner": {}}


def test_whole_numbers_may_be_written_either_way() -> None:
    parsed = wire.parse(shape(), {"Count": 3.0, "Ratio": 3})
    assert parsed == {"Count": 3, "Ratio": 3.0}
    assert [type(v) for v in parsed.values()] == [int, float]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"Text": 1}, "Text: NUMBER_VALUE can not be converted to string"),
        ({"Text": "\ud800"}, "Text: the text has half of a surrogate pair"),
        ({"Text": "a\0b"}, "Text: the text has a NUL character"),
        ({"List": [{}, {"Text": "\0"}]}, "List[1].Text: the text has a NUL character"),
        ({"Map": {"\0": 1}}, "Map: the text has a NUL character"),
        ({"Flag": "true"}, "Flag: STRING_VALUE"),
        ({"Flag": 1}, "Flag: NUMBER_VALUE"),
        ({"Count": True}, "Count: BOOLEAN_VALUE"),
        ({"Count": 1.5}, "Count: DECIMAL_VALUE"),
        ({"Count": 2**31}, "Count: the number does not fit"),
        ({"Count": -(2**31) - 1}, "Count: the number does not fit"),
        ({"Big": 2**63}, "Big: the number does not fit"),
        ({"Ratio": "NaN"}, "Ratio: STRING_VALUE"),
        ({"Ratio": 10**400}, "Ratio: the number does not fit"),
        ({"Bytes": "?"}, "Bytes: the value is not base64"),
        ({"Bytes": "é"}, "Bytes: the value is not base64"),
        ({"Bytes": []}, "Bytes: Start of list"),
        ({"When": "2026-01-02"}, "When: STRING_VALUE"),
        ({"When": 1e300}, "When: the time is out of range"),
        ({"List": {}}, "List: Start of structure"),
        ({"List": [{}, {"Text": 1}]}, "List[1].Text: NUMBER_VALUE"),
        ({"List": [None]}, "List[0]: NULL_VALUE"),
        ({"Map": {"a": None}}, "Map.a: NULL_VALUE"),
        ({"Inner": []}, "Inner: Start of list"),
        ([], "The request: Start of list"),
        (None, "The request: NULL_VALUE"),
    ],
)
def test_a_wrong_type_is_refused_by_the_member_s_name(value: Any, path: str) -> None:
    assert refusal(value).startswith(path)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nul",
        b"\xff",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32-le"),
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"1" * 5000,
        b"[" * 200_000,
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        wire.loads(body)
    assert refused.value.code == "SerializationException"


def test_a_body_of_countless_members_is_not_parsed() -> None:
    with pytest.raises(RequestError, match="too many members"):
        wire.loads(b"[" + b"[]," * wire.MAX_MARKS + b"0]")


def test_no_body_is_an_empty_request() -> None:
    assert wire.loads(b"") == wire.loads(b" \n") == {}


def test_a_byte_order_mark_is_no_part_of_the_request() -> None:
    assert wire.loads(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    "value",
    [
        {"Other": 1},
        {"Text": 1},
        {"Flag": 1},
        {"Count": True},
        {"Count": 1.0},
        {"Ratio": float("nan")},
        {"Ratio": True},
        {"Bytes": "AA=="},
        {"When": datetime(2026, 1, 1)},  # noqa: DTZ001 - naive on purpose
        {"List": {}},
        {"List": [{"Other": 1}]},
        {"Map": []},
        {"Inner": []},
    ],
)
def test_an_answer_that_does_not_fit_is_our_mistake(value: Any) -> None:
    with pytest.raises(wire.RenderError):
        wire.dumps(shape(), value)


@pytest.mark.parametrize("items", [b"", b'{"Text":"a"}', b'{"Text":"a"},{"Text":"b"}'])
@pytest.mark.parametrize("members", [{}, {"Text": "x"}])
def test_items_are_spliced_in_as_they_are(members: dict[str, Any], items: bytes) -> None:
    spliced = wire.splice(wire.dumps(shape(), members), "List", items)
    assert json.loads(spliced) == {**members, "List": json.loads(b"[" + items + b"]")}
    assert items in spliced
