"""Which image a request means, and what is said where it means none."""

import contextlib
import itertools
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import RequestError
from pipeline.images.decode import frame_of
from pipeline.images.limits import LIMITS, Limits
from pipeline.images.source import StoredImage, content_of, image_of
from pipeline.objects.directory import DirectoryStore
from tests.support.pictures import corners, flat_jpeg, jpeg, with_exif

OBJECT = {"Bucket": "photos", "Name": "a b/é.jpg"}


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    one = DirectoryStore(tmp_path)
    one.put("photos", OBJECT["Name"], b"picture")
    one.put("photos", "empty.jpg", b"")
    with (tmp_path / "photos" / "large.jpg").open("wb") as large:
        large.truncate(LIMITS.max_bytes + 1)
    return one


def test_bytes_are_the_image(store: DirectoryStore) -> None:
    assert content_of(store, image_of(store, "Image", {"Bytes": b"picture"})) == b"picture"


def test_objects_are_read_where_they_are_needed(store: DirectoryStore) -> None:
    image = image_of(store, "Image", {"S3Object": OBJECT})
    assert isinstance(image, StoredImage)
    assert StoredImage(**image.members) == image
    assert content_of(store, image) == b"picture"


def test_an_object_that_was_replaced_meanwhile_is_read_as_it_is_now(store: DirectoryStore) -> None:
    image = image_of(store, "Image", {"S3Object": OBJECT})
    store.put("photos", OBJECT["Name"], b"another")
    assert content_of(store, image) == b"another"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "InvalidS3ObjectException"),
        (b"", "InvalidS3ObjectException"),
        (bytes(LIMITS.max_bytes + 1), "ImageTooLargeException"),
    ],
)
def test_an_object_that_cannot_be_read_any_more_is_refused(
    store: DirectoryStore, content: bytes | None, code: str
) -> None:
    image = image_of(store, "Image", {"S3Object": OBJECT})
    if content is None:
        store.delete("photos", OBJECT["Name"])
    else:
        store.put("photos", OBJECT["Name"], content)
    with pytest.raises(RequestError) as refusal:
        content_of(store, image)
    assert refusal.value.code == code


def test_an_object_that_is_replaced_all_the_time_is_read_whole_or_refused(store: DirectoryStore) -> None:
    done = threading.Event()
    contents = [bytes([n]) * 300_000 for n in range(4)]

    def replace() -> None:
        for content in itertools.cycle(contents):
            if done.is_set():
                return
            store.put("photos", OBJECT["Name"], content)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        read = []
        for _ in range(50):
            image = image_of(store, "Image", {"S3Object": OBJECT})
            with contextlib.suppress(RequestError):
                read.append(content_of(store, image))
        assert read
        assert {*read} <= {b"picture", *contents}
    finally:
        done.set()
        writer.join()


@pytest.mark.parametrize(
    ("image", "code", "words"),
    [
        ({}, "InvalidParameterException", "SourceImage must have one of Bytes and S3Object."),
        ({"Bytes": b"x", "S3Object": OBJECT}, "InvalidParameterException", "SourceImage .* not both"),
        ({"S3Object": {}}, "InvalidS3ObjectException", "Request has invalid S3 object."),
        ({"S3Object": {"Bucket": "photos"}}, "InvalidS3ObjectException", "Request has invalid S3 object."),
        ({"S3Object": {"Bucket": "no"}}, "InvalidS3ObjectException", "named by SourceImage.S3Object: no/$"),
        ({"S3Object": {"Bucket": "photos", "Name": "empty.jpg"}}, "InvalidS3ObjectException", "Request has invalid"),
        (
            {"S3Object": {"Bucket": "photos", "Name": "none"}},
            "InvalidS3ObjectException",
            "Unable to get object metadata",
        ),
        ({"S3Object": {**OBJECT, "Version": "1"}}, "InvalidS3ObjectException", "Unable to get object metadata"),
        (
            {"S3Object": {"Bucket": "photos", "Name": "../x"}},
            "InvalidS3ObjectException",
            "Unable to get object metadata",
        ),
        ({"S3Object": {"Bucket": "photos", "Name": "large.jpg"}}, "ImageTooLargeException", "Image size is too large"),
    ],
)
def test_what_is_no_image_is_refused(store: DirectoryStore, image: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as refusal:
        image_of(store, "SourceImage", image)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"GIF89a", "InvalidImageFormatException", "Request has invalid image format: Image: "),
        (flat_jpeg(80, 80, 100)[:-9], "InvalidImageFormatException", "damaged or truncated"),
        (flat_jpeg(79, 500, 100), "InvalidParameterException", "79 x 500 pixels"),
        (flat_jpeg(10_001, 80, 100), "ImageTooLargeException", "Image size is too large: Image: 10001 x 80"),
    ],
)
def test_pictures_that_cannot_be_used_are_refused(content: bytes, code: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as refusal:
        frame_of(content, "Image")
    assert refusal.value.code == code


def test_the_smallest_and_the_longest_picture_are_used() -> None:
    assert frame_of(flat_jpeg(80, 80, 100), "Image").rgb(80, 80).mean() == 100
    assert frame_of(flat_jpeg(10_000, 80, 100), "Image").width == 10_000
    turned = frame_of(with_exif(jpeg(corners(120, 90, *[(9, 9, 9)] * 4)), 6), "Image")
    assert (turned.width, turned.height) == (90, 120)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (flat_jpeg(63, 100, 0), "InvalidParameterException", "63 x 100 pixels; both sides must have at least 64"),
        (flat_jpeg(64, 401, 0), "ImageTooLargeException", "64 x 401 pixels; the maximum dimension size is 400"),
        (flat_jpeg(64, 64, 0).ljust(9001), "ImageTooLargeException", "Image has 9001 bytes, at most 9000 are allowed"),
    ],
)
def test_an_operation_may_have_limits_of_its_own(content: bytes, code: str, words: str) -> None:
    limits = Limits(least_side=64, most_side=400, max_bytes=9000)
    assert frame_of(flat_jpeg(64, 400, 0), "Image", limits).height == 400
    with pytest.raises(RequestError, match=words) as refusal:
        frame_of(content, "Image", limits)
    assert refusal.value.code == code
