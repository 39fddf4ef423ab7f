"""The catalog against botocore's public service model, and against the modules it names."""

from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel, ServiceModel, StructureShape

from pipeline import analyses
from pipeline.aggregate.types import Record
from pipeline.catalog import OPERATIONS, Operation, by_analysis
from pipeline.conduct.submit import NOT_OWN

EVERY = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))


@pytest.fixture(scope="module")
def service() -> ServiceModel:
    return ServiceModel(botocore.session.Session().get_service_data("rekognition"), "rekognition")


def members(shape: Any) -> dict[str, Any]:
    assert isinstance(shape, StructureShape)
    return dict(shape.members)


def choices(operation: OperationModel, member: str) -> list[str]:
    shape = members(operation.input_shape).get(member)
    return list(shape.enum) if shape is not None else []


@EVERY
def test_both_operations_exist(operation: Operation, service: ServiceModel) -> None:
    assert {operation.start, operation.get} <= set(service.operation_names)
    assert OPERATIONS[operation.name] is operation


@EVERY
def test_items_are_a_list_of_the_answer(operation: Operation, service: ServiceModel) -> None:
    answer = members(service.operation_model(operation.get).output_shape)
    assert answer[operation.result_key].type_name == "list"


@EVERY
def test_orders_are_those_of_the_model(operation: Operation, service: ServiceModel) -> None:
    modelled = choices(service.operation_model(operation.get), "SortBy")
    assert set(operation.orders) == set(modelled or ["TIMESTAMP"])
    assert next(iter(operation.orders)) == "TIMESTAMP"
    fields = {name.removeprefix("-") for names in operation.orders.values() for name in names}
    assert fields <= set(Record.__dataclass_fields__)


@EVERY
def test_aggregations_are_those_of_the_model(operation: Operation, service: ServiceModel) -> None:
    modelled = choices(service.operation_model(operation.get), "AggregateBy")
    assert set(operation.aggregates) == set(modelled or ["TIMESTAMPS"])
    assert operation.aggregates[0] == "TIMESTAMPS"


@EVERY
def test_the_form_of_the_answer_is_that_of_the_model(operation: Operation, service: ServiceModel) -> None:
    answer = members(service.operation_model(operation.get).output_shape)
    assert operation.metadata_is_list == (answer["VideoMetadata"].type_name == "list")
    assert operation.echoes_request == ("GetRequestMetadata" in answer)


@EVERY
def test_the_minimal_request_is_complete(operation: Operation, service: ServiceModel) -> None:
    request = service.operation_model(operation.start).input_shape
    assert set(operation.minimal) == set(request.required_members) - NOT_OWN


@EVERY
def test_the_analysis_is_a_module_that_names_its_models(operation: Operation) -> None:
    assert analyses.load(operation.name).models()
    assert by_analysis(operation.analysis) is operation


def test_no_two_operations_share_an_analysis() -> None:
    assert len({operation.analysis for operation in OPERATIONS.values()}) == len(OPERATIONS)


def test_an_unknown_analysis_is_named() -> None:
    with pytest.raises(KeyError, match="horoscopes"):
        by_analysis("horoscopes")
