"""The benchmark of operations on images knows a request for each."""

import pytest

from api.protocol import model, validate
from pipeline.images.catalog import IMAGE_OPERATIONS
from scripts.image_requests import REQUESTS, request_of

FACE = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("name", IMAGE_OPERATIONS)
def test_every_operation_has_a_valid_example(name: str) -> None:
    assert name in REQUESTS, "add an example to scripts/image_requests.py"
    images = {member: {"Bytes": b"x"} for member in IMAGE_OPERATIONS[name].images}
    validate.check(model.operations()[name], {**request_of(name, FACE), **images})
