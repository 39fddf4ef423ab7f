"""Where the image of a request is: in the request itself, or in the object store."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import RequestError
from pipeline.images.limits import LIMITS
from pipeline.objects.requested import requested, unreadable
from pipeline.objects.types import NoSuchObjectError, ObjectChangedError, ObjectInfo, ObjectStore

LOOKS = 5
"""At an object that is replaced while it is read, as the newest picture of a camera is. Source: reading takes far less time than pictures
take to follow each other, so that the second look sees a whole one."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image in the object store.

    Attributes:
        bucket: S3Object.Bucket.
        name: S3Object.Name.
        version: S3Object.Version.
        etag: Of the content that the object had when the request came.
    """

    bucket: str
    name: str
    version: str | None
    etag: str

    @property
    def members(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def image_of(store: ObjectStore, member: str, image: Mapping[str, Any]) -> bytes | StoredImage:
    """The image that a request carries or names in `member`.

    Raises:
        RequestError: it does neither or both, or names an object that is not there or too large.
    """
    inline, s3_object = image.get("Bytes"), image.get("S3Object")
    if (inline is None) == (s3_object is None):
        raise RequestError(
            "InvalidParameterException",
            f"Request has invalid parameters: {member} must have one of Bytes and S3Object"
            f"{', not both' if inline is not None else ''}.",
        )
    if s3_object is None:
        assert inline is not None
        return bytes(inline)
    info = _head(store, member, s3_object)
    _check_size(info, f"{member}.S3Object")
    return StoredImage(s3_object["Bucket"], s3_object["Name"], s3_object.get("Version"), info.etag)


def _head(store: ObjectStore, member: str, s3_object: Mapping[str, Any]) -> ObjectInfo:
    """Facts of the object; a refusal names the member too, as a request may have two."""
    try:
        return requested(store, s3_object)
    except RequestError as error:
        place = f"{s3_object.get('Bucket', '')}/{s3_object.get('Name', '')}"
        raise RequestError(error.code, f"{error.message} It is named by {member}.S3Object: {place}") from None


def content_of(store: ObjectStore, image: bytes | StoredImage) -> bytes:
    """The image's bytes; of an object that was replaced since the request came, those of the present one, never some of each.

    Raises:
        RequestError: InvalidS3ObjectException: the object went away since the request came, or is replaced whenever it is read;
            ImageTooLargeException: it has grown.
    """
    if not isinstance(image, StoredImage):
        return image
    etag = image.etag
    for _ in range(LOOKS):
        try:
            with store.local_path(image.bucket, image.name, etag, image.version) as path:
                return path.read_bytes()
        except ObjectChangedError:
            etag = _present(store, image)
        except (NoSuchObjectError, FileNotFoundError):
            break
    raise unreadable()


def _present(store: ObjectStore, image: StoredImage) -> str:
    """The etag that the object has now."""
    version = {} if image.version is None else {"Version": image.version}
    info = requested(store, {"Bucket": image.bucket, "Name": image.name, **version})
    _check_size(info, f"{image.bucket}/{image.name}")
    return info.etag


def _check_size(info: ObjectInfo, what: str) -> None:
    if info.size_bytes > LIMITS.max_bytes:
        raise RequestError(
            "ImageTooLargeException",
            f"Image size is too large: {what} has {info.size_bytes} bytes, at most {LIMITS.max_bytes} are allowed.",
        )
