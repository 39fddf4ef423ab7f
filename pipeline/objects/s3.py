"""Buckets of Amazon S3, MinIO or any other store that speaks its protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline.objects.cache import FileCache
from pipeline.objects.s3_faults import available, code, named
from pipeline.objects.types import NoSuchObjectError, ObjectChangedError, ObjectInfo, StoreUnavailableError
from pipeline.settings import Settings


def s3_client(settings: Settings) -> Any:
    """A client for the configured store; credentials come from the settings, else from where AWS tools find them.

    Checksums and path style as stores other than Amazon's need them.
    """
    secret = settings.s3_secret_access_key
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "max_attempts": 4},
        ),
    )


class S3Store:
    """An `ObjectStore` over an S3 client; videos are fetched once and kept on disk for the next chunk."""

    def __init__(self, client: Any, cache_dir: Path, cache_bytes: int) -> None:
        self._client = client
        self._cache = FileCache(cache_dir, cache_bytes)

    def head(self, bucket: str, key: str, version: str | None = None) -> ObjectInfo:
        """Facts of the object."""
        with named(bucket, key):
            found = self._client.head_object(**_named(bucket, key, version))
        # Stores that keep no versions ignore the one that was asked for.
        if version not in {None, "null", found.get("VersionId")}:
            raise NoSuchObjectError(f"{bucket}/{key} has no version {version!r}")
        return ObjectInfo(found["ContentLength"], found["ETag"].strip('"'), found["LastModified"])

    def read(self, bucket: str, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes `start` to `stop`."""
        if stop is not None and stop <= start:
            return b""
        last = "" if stop is None else stop - 1
        wanted = {} if start == 0 and stop is None else {"Range": f"bytes={start}-{last}"}
        with named(bucket, key):
            body: bytes = self._client.get_object(Bucket=bucket, Key=key, **wanted)["Body"].read()
        return body

    @contextmanager
    def local_path(self, bucket: str, key: str, etag: str, version: str | None = None) -> Iterator[Path]:
        """A file of the cache, fetched in parallel ranges when it is not there yet."""

        def fetch(target: Path) -> None:
            self._check(bucket, key, etag, version)
            extra = {"VersionId": version} if version else None
            with named(bucket, key):
                self._client.download_file(bucket, key, str(target), ExtraArgs=extra)
            # The ranges may have come from two objects, or the answers may have been cut short.
            if target.stat().st_size != self._check(bucket, key, etag, version).size_bytes:
                raise StoreUnavailableError(f"{bucket}/{key} came with {target.stat().st_size} bytes only")

        with self._cache.file((bucket, key, version or "", etag), fetch) as path:
            yield path

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """One request."""
        with available():
            self._client.put_object(Bucket=bucket, Key=key, Body=data)

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        """One request, or a multipart upload of a large file."""
        with available():
            self._client.upload_file(str(path), bucket, key)

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Keys in byte order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        with available():
            for found in pages:
                for item in found.get("Contents", ()):
                    yield item["Key"]

    def delete(self, bucket: str, key: str) -> None:
        """One request."""
        try:
            with available():
                self._client.delete_object(Bucket=bucket, Key=key)
        except ClientError as error:  # Amazon's store answers 204 here; others say that nothing was there
            if code(error) not in {"404", "NoSuchKey"}:
                raise

    def delete_folder(self, bucket: str, folder: str) -> int:
        """One request for each object."""
        keys = list(self.list(bucket, f"{folder.removesuffix('/')}/"))
        for key in keys:
            self.delete(bucket, key)
        return len(keys)

    def create_bucket(self, bucket: str) -> None:
        """Makes the bucket where the account may; a bucket of another owner shows when it is written to."""
        try:
            with available():
                self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if code(error) not in {"404", "NoSuchBucket"}:
                raise
            self._create(bucket)

    def _create(self, bucket: str) -> None:
        region = self._client.meta.region_name
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._client.create_bucket(Bucket=bucket, **where)
        except ClientError as error:
            if code(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise

    def _check(self, bucket: str, key: str, etag: str, version: str | None) -> ObjectInfo:
        found = self.head(bucket, key, version)
        if found.etag != etag:
            raise ObjectChangedError(f"{bucket}/{key} was replaced")
        return found


def _named(bucket: str, key: str, version: str | None) -> dict[str, str]:
    return {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
