"""The operations of the Rekognition API, as botocore's public service model describes them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

NOT_BUILT = "NotImplementedException"
"""Our own code for an operation that the model has and we do not serve yet."""

COMMON_ERRORS = frozenset(
    {
        "AccessDeniedException",
        "IncompleteSignatureException",
        "InternalServerError",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "RequestEntityTooLargeException",
        "SerializationException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "ValidationException",
        NOT_BUILT,
    }
)
"""Codes that any operation may answer with although its own list in the model does not have them."""

_STATUS = {
    NOT_BUILT: 501,
    "MethodNotAllowedException": 405,
    "RequestTimeoutException": 408,
    "UnsupportedMediaTypeException": 415,
    "RequestEntityTooLargeException": 413,
}


@cache
def service() -> ServiceModel:
    """The service model of rekognition."""
    return ServiceModel(_definition(), "rekognition")


@cache
def operations() -> Mapping[str, OperationModel]:
    """Operation name -> model of all operations."""
    return {name: service().operation_model(name) for name in service().operation_names}


def target_prefix() -> str:
    """What X-Amz-Target carries before the dot."""
    return str(service().metadata["targetPrefix"])


def status_of(code: str) -> int:
    """HTTP status of an AWS error code: 500 for the model's faults, 400 for all others but a few of transport.

    AWS JSON services answer authentication failures with 400 too.
    Source: Amazon Rekognition developer guide, "Error handling"; DynamoDB developer guide, "Error handling".
    """
    return _STATUS.get(code) or (500 if code in _faults() else 400)


def declared_errors(operation: OperationModel) -> frozenset[str]:
    """Codes that the model lists for the operation."""
    return frozenset(shape.name for shape in operation.error_shapes)


@cache
def _faults() -> frozenset[str]:
    """Codes whose fault lies with the service; botocore's `Shape` drops the mark, the raw definition has it."""
    return frozenset(name for name, shape in _definition()["shapes"].items() if shape.get("fault"))


@cache
def _definition() -> dict[str, Any]:
    definition: dict[str, Any] = Loader().load_service_model("rekognition", "service-2")
    return definition
