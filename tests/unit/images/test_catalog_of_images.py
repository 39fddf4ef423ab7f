"""The catalog of operations on images, and the names of attributes, against the service model."""

import pytest

from api.protocol import model
from pipeline.images.answer import load
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.images.faces import MEMBERS


@pytest.mark.parametrize("name", IMAGE_OPERATIONS)
def test_every_operation_can_be_answered(name: str) -> None:
    assert IMAGE_OPERATIONS[name].name == name
    assert callable(load(name))


def test_every_attribute_has_its_member() -> None:
    assert {*MEMBERS, "DEFAULT", "ALL"} == set(model.service().shape_for("Attribute").enum)
    assert set(MEMBERS.values()) <= set(model.service().shape_for("FaceDetail").members)
