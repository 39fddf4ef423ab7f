"""The S3 objects that requests name."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import RequestError
from pipeline.objects.types import NoSuchObjectError, ObjectInfo, ObjectStore


def requested(store: ObjectStore, s3_object: Mapping[str, Any]) -> ObjectInfo:
    """Facts of the object that an `S3Object` of a request names.

    Raises:
        RequestError: InvalidS3ObjectException: it names none, or one that is empty or not there.
    """
    bucket, name = s3_object.get("Bucket"), s3_object.get("Name")
    if not bucket or not name:
        raise RequestError("InvalidS3ObjectException", "Request has invalid S3 object.")
    try:
        info = store.head(bucket, name, s3_object.get("Version"))
    except NoSuchObjectError:
        raise unreadable() from None
    if info.size_bytes == 0:
        raise RequestError("InvalidS3ObjectException", "Request has invalid S3 object.")
    return info


def unreadable() -> RequestError:
    """What AWS says of an object that is not there or may not be read."""
    return RequestError(
        "InvalidS3ObjectException",
        "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
    )
