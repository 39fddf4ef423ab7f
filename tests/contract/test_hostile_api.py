"""A few hundred mutated requests, always the same: what `scripts/fuzz_api.py` sends by the ten thousand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from scripts.hostile.generating import Generator
from scripts.hostile.installation import SECRET, Installation
from scripts.hostile.judging import Record, one
from scripts.hostile.sending import Line
from tests.support.image_installation import answering
from tests.support.sns_installation import Installation as Installed

pytestmark = pytest.mark.timeout(240)
REQUESTS = 600


@dataclass(frozen=True)
class InProcess:
    """What `Installation` asks of a service, of one without processes."""

    installed: Installed

    @property
    def endpoint(self) -> str:
        """See `Serving`."""
        return self.installed.url

    def credentials(self) -> tuple[str, str]:
        """See `Serving`."""
        return self.installed.key.id, self.installed.key.secret

    def new_key(self, account: str) -> tuple[str, str]:
        """See `Serving`."""
        key = self.installed.services.keys.create(account)
        return key.id, key.secret

    def put(self, bucket: str, name: str, content: bytes) -> dict[str, Any]:
        """See `Serving`."""
        self.installed.services.objects.put(bucket, name, content)
        return {"S3Object": {"Bucket": bucket, "Name": name}}


@pytest.fixture
def installation() -> Iterator[Installation]:
    with answering() as installed:
        yield Installation.of(InProcess(installed))


def test_no_mutated_request_is_a_fault_of_ours(installation: Installation, tmp_path: Path) -> None:
    record, line = Record(tmp_path / "offenders.jsonl"), Line(installation.endpoint)
    generator = Generator(installation.known, SECRET)
    for number in range(REQUESTS):
        rng = Random(f"test-{number}")
        one(installation, line, generator.call(rng), rng, record, str(number))
    line.close()
    assert record.count == REQUESTS
    assert not record.offenders
    assert len(record.operations) > 60
    assert sum(codes["200"] for codes in record.codes.values()) > 15
    assert installation.unharmed()
