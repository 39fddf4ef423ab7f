"""What the errors of an S3 client mean: that something is not there, may not be had, or cannot be had at the moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from urllib3.exceptions import HTTPError

from pipeline.objects.types import NoSuchObjectError, ObjectRefusedError, StoreUnavailableError

_NOT_THERE = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion", "InvalidArgument"})
_REFUSED = frozenset({"400", "403", "AccessDenied"})
"""HEAD has no body that could say more: 400 also stands for a signature that is too old."""
_PASSING = frozenset({"RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"})


@contextmanager
def named(bucket: str, key: str) -> Iterator[None]:
    """Inside it, errors about one object are those of `ObjectStore`."""
    try:
        with available():
            yield
    except ParamValidationError:
        raise NoSuchObjectError(f"{bucket!r} is no bucket") from None
    except ClientError as error:
        if code(error) in _REFUSED:
            raise ObjectRefusedError(f"{bucket}/{key} may not be read: {error}") from error
        if code(error) in _NOT_THERE:
            raise NoSuchObjectError(f"{bucket}/{key} does not exist or may not be read") from error
        raise


@contextmanager
def available() -> Iterator[None]:
    """Inside it, errors of a store that is away, overloaded or breaks off its answers are `StoreUnavailableError`."""
    try:
        yield
    except ParamValidationError:
        raise
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or code(error) in _PASSING:
            raise StoreUnavailableError(str(error)) from error
        raise
    # botocore lets errors of urllib3 through where the text of a refusal breaks off.
    except (BotoCoreError, HTTPClientError, Boto3Error, HTTPError) as error:
        raise StoreUnavailableError(f"{type(error).__name__}: {error}") from error


def code(error: ClientError) -> str:
    """The store's own code."""
    return str(error.response["Error"]["Code"])
