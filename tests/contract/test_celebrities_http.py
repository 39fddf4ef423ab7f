"""GetCelebrityInfo as boto3 sees it, over real HTTP."""

from typing import Any

import httpx
import pytest

from pipeline.store import celebrities
from pipeline.store.celebrities import Celebrity
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from tests.support.api_installation import assert_error, client, installation, rekognition
from tests.support.signed_calls import call
from tests.support.sns_installation import Installation

__all__ = ["client", "installation"]


@pytest.fixture(scope="module", autouse=True)
def gallery(installation: Installation) -> None:
    with writing(installation.services.engine) as connection:
        for who in (Celebrity("Ada1", "Ada Ünal", ("example.org/ada",), "Female"), Celebrity("2", "Bo")):
            celebrities.put(connection, who, utcnow())


@pytest.mark.parametrize(
    ("celebrity_id", "told"),
    [
        ("Ada1", {"Name": "Ada Ünal", "Urls": ["example.org/ada"], "KnownGender": {"Type": "Female"}}),
        ("2", {"Name": "Bo", "Urls": []}),
    ],
)
def test_what_is_known_is_told_and_nothing_else(
    installation: Installation, celebrity_id: str, told: dict[str, Any]
) -> None:
    answer = rekognition(installation).get_celebrity_info(Id=celebrity_id)
    del answer["ResponseMetadata"]
    assert answer == told


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"Id": "ada1"}, "ResourceNotFoundException", "'ada1'"),
        ({"Id": ""}, "ResourceNotFoundException", "''"),
        ({"Id": "a-1"}, "ValidationException", "'a-1' at 'id' failed to satisfy constraint"),
        ({"Id": "é"}, "ValidationException", "at 'id' failed to satisfy constraint"),
        ({}, "ValidationException", "Value null at 'id'"),
        ({"Id": 2}, "SerializationException", "Id: NUMBER_VALUE"),
    ],
)
def test_ids_that_name_nobody_are_refused(
    installation: Installation, client: httpx.Client, request_: dict[str, Any], code: str, words: str
) -> None:
    assert words in assert_error(call(client, installation.key, "GetCelebrityInfo", request_), 400, code)
