"""The lines of an exported collection: what they hold, written and checked."""

import base64
import binascii
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import regex

from pipeline.store.faces import Face, check_vector

FORMAT, VERSION = "reelsight-collection", 1
SIDES = ("Left", "Top", "Width", "Height")
MAX_TAGS = 200
"""Source: Amazon Rekognition API reference, TagResource."""
FAR = 10.0
"""Sizes of the image that a box may lie outside of it: more than any detector says."""
_UUID = regex.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX = regex.compile(r"[0-9a-f]{32}")
_COLLECTION_ID = regex.compile(r"[a-zA-Z0-9_.\-]{1,255}")
_EXTERNAL_ID = regex.compile(r"[a-zA-Z0-9_.\-:]{1,255}")
_USER_ID = regex.compile(r"[a-zA-Z0-9_.\-:]{1,128}")
_MODEL_VERSION = regex.compile(r"[0-9.]{1,16}")
_TAG_KEY = regex.compile(r"(?!(?i:aws:))[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}")
_TAG_VALUE = regex.compile(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}")


@dataclass(frozen=True, slots=True)
class CollectionLine:
    """What a file says of the collection itself.

    Attributes:
        name: CollectionId.
        face_model_version: Version of its embeddings.
        created_at: When it was made.
        tags: Key -> value.
        image_namespace: What its ImageIds are made with: 32 hexadecimal digits.
        users: How many follow.
        faces: How many follow.
    """

    name: str
    face_model_version: str
    created_at: datetime
    tags: Mapping[str, str]
    image_namespace: str
    users: int
    faces: int


FaceLine = tuple[Face, bytes]
"""A face, whose position is that in the file, and its embedding."""


def collection_record(line: CollectionLine) -> dict[str, Any]:
    """The line as it is written."""
    return {
        "Format": FORMAT,
        "FormatVersion": VERSION,
        "CollectionId": line.name,
        "FaceModelVersion": line.face_model_version,
        "CreationTimestamp": line.created_at.isoformat(),
        "Tags": dict(line.tags),
        "ImageNamespace": line.image_namespace,
        "UserCount": line.users,
        "FaceCount": line.faces,
    }


def collection_line(fields: Any) -> CollectionLine:
    """The line as it was written.

    Raises:
        ValueError: it makes no sense; the message says what and why.
    """
    if isinstance(fields, dict) and (fields.get("Format"), fields.get("FormatVersion")) != (FORMAT, VERSION):
        raise ValueError(
            f"it is of the format {fields.get('Format')!r:.40} {fields.get('FormatVersion')!r:.40}; {FORMAT} {VERSION} can be read"
        )
    known = {
        "Format",
        "FormatVersion",
        "CollectionId",
        "FaceModelVersion",
        "CreationTimestamp",
        "Tags",
        "ImageNamespace",
    }
    _members(fields, known | {"UserCount", "FaceCount"})
    return CollectionLine(
        name=_text(fields, "CollectionId", _COLLECTION_ID),
        face_model_version=_text(fields, "FaceModelVersion", _MODEL_VERSION),
        created_at=_moment(fields),
        tags=_tags(fields["Tags"]),
        image_namespace=_text(fields, "ImageNamespace", _HEX),
        users=_count(fields, "UserCount"),
        faces=_count(fields, "FaceCount"),
    )


def user_record(user_id: str) -> dict[str, Any]:
    """The line as it is written."""
    return {"UserId": user_id}


def user_line(fields: Any) -> str:
    """The UserId of a line.

    Raises:
        ValueError: it makes no sense; the message says what and why.
    """
    _members(fields, {"UserId"})
    return _text(fields, "UserId", _USER_ID)


def face_record(line: FaceLine) -> dict[str, Any]:
    """The line as it is written."""
    face, vector = line
    return {**face.wire, "Vector": base64.b64encode(vector).decode("ascii")}


def face_line(fields: Any) -> FaceLine:
    """The line as it was written; its position is 0.

    Raises:
        ValueError: it makes no sense; the message says what and why.
    """
    needed = {"FaceId", "ImageId", "BoundingBox", "Confidence", "IndexFacesModelVersion", "Vector"}
    _members(fields, needed, {"ExternalImageId", "UserId"})
    box = fields["BoundingBox"]
    _members(box, set(SIDES), where="BoundingBox")
    face = Face(
        position=0,
        id=_text(fields, "FaceId", _UUID),
        image_id=_text(fields, "ImageId", _UUID),
        external_image_id=_text(fields, "ExternalImageId", _EXTERNAL_ID) if "ExternalImageId" in fields else None,
        box={side: _number(box, side, -FAR if side in {"Left", "Top"} else 0.0, FAR) for side in SIDES},
        confidence=_number(fields, "Confidence", 0.0, 100.0),
        model_version=_text(fields, "IndexFacesModelVersion", _MODEL_VERSION),
        user_id=_text(fields, "UserId", _USER_ID) if "UserId" in fields else None,
    )
    return face, _vector(fields["Vector"])


def _members(fields: Any, needed: Set[str], others: Set[str] = frozenset(), where: str = "the line") -> None:
    if not isinstance(fields, dict):
        raise ValueError(f"{where} is no object: {fields!r:.60}")  # noqa: TRY004 - of a file, not of a caller
    if missing := sorted(needed - set(fields)):
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(set(fields) - needed - others):
        raise ValueError(f"{where} has a member that nothing is known of: {unknown[0]!r:.60}")


def _text(fields: Mapping[str, Any], name: str, pattern: "regex.Pattern[str]") -> str:
    value = fields[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} {value!r:.60} is not of the form {pattern.pattern}")
    return value


def _number(fields: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} {value!r:.60} is no number from {least:g} to {most:g}")
    return float(value)


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**53:
        raise ValueError(f"{name} {value!r:.60} is no count")
    return value


def _moment(fields: Mapping[str, Any]) -> datetime:
    value = fields["CreationTimestamp"]
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError  # noqa: TRY301 - as any other text that is no moment
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"CreationTimestamp {value!r:.60} is no moment in ISO 8601 with a time zone") from None


def _tags(tags: Any) -> dict[str, str]:
    if not isinstance(tags, dict) or len(tags) > MAX_TAGS:
        raise ValueError(f"Tags is no object of at most {MAX_TAGS} members")
    for key, value in tags.items():
        if not isinstance(value, str) or not _TAG_KEY.fullmatch(key) or not _TAG_VALUE.fullmatch(value):
            raise ValueError(f"the tag {key!r:.60} has a name or a value that tags cannot have")
    return tags


def _vector(text: Any) -> bytes:
    try:
        vector = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        vector = b""
    try:
        check_vector(vector)
    except ValueError as error:
        raise ValueError(f"Vector is no embedding: {error}") from None
    return vector
