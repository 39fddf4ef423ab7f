"""Constraints in AWS's words, and patterns with Java's meaning."""

from typing import Any

import pytest
from botocore.model import ShapeResolver

from api.protocol import model, validate
from pipeline.errors import RequestError


def refusal(operation: str, request: dict[str, Any]) -> str:
    with pytest.raises(RequestError) as refused:
        validate.check(model.operations()[operation], request)
    assert refused.value.code == "ValidationException"
    return refused.value.message


def test_one_violation_reads_as_aws_writes_it() -> None:
    assert refusal("GetLabelDetection", {"JobId": "no spaces"}) == (
        "1 validation error detected: Value 'no spaces' at 'jobId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9-_]+$"
    )


def test_several_violations_are_counted_and_joined() -> None:
    message = refusal("GetLabelDetection", {"MaxResults": 0, "SortBy": "SIZE"})
    assert message.startswith(
        "3 validation errors detected: Value null at 'jobId' failed to satisfy constraint: Member must not be null; "
    )
    assert (
        "; Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"
        in message
    )
    assert message.endswith(
        "; Value 'SIZE' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: [NAME, TIMESTAMP]"
    )


def test_scalars_in_a_list_are_reported_for_the_list() -> None:
    request = {"Video": {"S3Object": {"Bucket": "b b", "Name": "n"}}, "SegmentTypes": ["SHOT", "SCENE"]}
    message = refusal("StartSegmentDetection", request)
    assert "Value 'b b' at 'video.s3Object.bucket'" in message
    assert (
        "Value '[SHOT, SCENE]' at 'segmentTypes' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must satisfy enum value set: [TECHNICAL_CUE, SHOT]]"
    ) in message


def test_a_secret_is_never_repeated_and_a_long_value_is_cut() -> None:
    video = {"S3Object": {"Bucket": "bucket", "Name": "n"}}
    assert "se cret" not in refusal("StartFaceDetection", {"Video": video, "ClientRequestToken": "se cret"})
    message = refusal("StartFaceDetection", {"Video": video, "JobTag": "\n" + "é" * 5000})
    assert "Value '?" + "é" * 63 + "…' at 'jobTag'" in message
    assert "é" * 65 not in message


def test_many_violations_are_counted_but_not_all_told() -> None:
    ids = {"CollectionId": "c", "UserId": "u", "FaceIds": [], "ClientRequestToken": "é", "UserMatchThreshold": 101}
    assert refusal("AssociateFaces", ids).startswith("3 validation errors")


def test_lengths_count_characters_and_bytes() -> None:
    one = ShapeResolver({"Text": {"type": "string", "max": 2}, "Blob": {"type": "blob", "max": 2}})
    text, blob = one.get_shape_by_name("Text"), one.get_shape_by_name("Blob")
    assert not list(validate.violations(text, "☃☃", "t"))
    assert not list(validate.violations(blob, b"12", "b"))
    assert [str(v) for v in validate.violations(blob, b"123", "b")] == [
        "Value at 'b' failed to satisfy constraint: Member must have length less than or equal to 2"
    ]


def test_not_a_number_satisfies_no_bound() -> None:
    percent = model.service().shape_for("Percent")
    assert len(list(validate.violations(percent, float("nan"), "p"))) == 2


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[a-zA-Z0-9-_]+$", "a-_9", "a b"),
        ("^[a-zA-Z0-9-_]+$", "a", "a\n"),
        (r"[A-Za-z0-9àâèçñó'-_(). ]*", "çA (x)", "~"),
        (
            r"(^arn:aws:sns:.*:\w{12}:.+$)",
            "arn:aws:sns:us-east-1:123456789012:t",
            "arn:aws:sns:us-east-1:12345678901é:t",
        ),
        (r"\d+", "12", "١٢"),
        (r"\S*", "☃", "a b"),
        (".{1,}", "\x0b", "\u2028"),
        (".{1,}", "a.b", "a\u0085b"),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "é 漢\u2003²", "!"),
        (r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$", "my:aws:", "aws:my"),
        (r"[\u0009\u000A\u000D\u0020-\u00FF]+", "\tÿ", "Ā"),
        (r"a\.b[.]c", "a.b.c", "axb.c"),
    ],
)
def test_patterns_mean_what_java_means(pattern: str, good: str, bad: str) -> None:
    assert validate.matches(pattern, good)
    assert not validate.matches(pattern, bad)


def test_every_pattern_of_the_model_compiles() -> None:
    shapes = [model.service().shape_for(name) for name in model.service().shape_names]
    patterns = {s.metadata["pattern"] for s in shapes if "pattern" in s.metadata}
    assert len(patterns) > 25
    assert all(validate.compiled(p) for p in patterns)


def test_a_pattern_that_backtracks_without_end_is_given_up() -> None:
    assert not validate.matches("(a|aa|a?)+b", "a" * 5000 + "c")
