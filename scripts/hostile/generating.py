"""Mutated requests of both services, one after another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from api.dispatch import built
from api.sns.endpoint import HANDLERS
from scripts.hostile.calls import HARMS, Wire, flattened, form_call, harmed_body, harmed_head, json_call, presigned
from scripts.hostile.values import BROKEN_TEXTS, Values, harmed

TEXTS = (
    "a",
    "abc",
    "1",
    "0",
    "Face_1",
    "image.jpg",
    "2024-01-01",
    "0" * 64,
    "a" * 11,
    "00000000-0000-0000-0000-000000000000",
    "arn:aws:iam::111122223333:role/AnyRole",
    "arn:aws:sns:us-east-1:111122223333:AmazonRekognition-x",
    "arn:aws:rekognition:us-east-1:111122223333:collection/c",
    "arn:aws:rekognition:us-east-1:111122223333:project/p/version/v/1234567890123",
    "arn:aws:rekognition:us-east-1:111122223333:project/p/1234567890123",
    "arn:aws:rekognition:us-east-1:111122223333:streamprocessor/s",
    "arn:aws:kinesisvideo:us-east-1:111122223333:stream/s/1",
    "arn:aws:kinesis:us-east-1:111122223333:stream/s",
    "arn:aws:kms:us-east-1:111122223333:key/k",
    "String",
    "Number",
    "http",
    "https",
    "json",
    "Name:x",
    "tag",
    "s3://b/k",
)
"""Tried where the model has a pattern."""
BUILT = {"rekognition": frozenset(built()), "sns": frozenset(HANDLERS)}
"""Service -> operations that do something."""


@cache
def models() -> Mapping[str, Mapping[str, OperationModel]]:
    """Service -> operation -> its model."""
    found = {}
    for name in ("rekognition", "sns"):
        service = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        found[name] = {operation: service.operation_model(operation) for operation in service.operation_names}
    return found


class Generator:
    """Makes requests; one per thread.

    Args:
        known: Name of a member -> values that exist in the installation, those of another account among them.
        secret: What is in all values of the other account.
    """

    def __init__(self, known: Mapping[str, Sequence[Any]], secret: str) -> None:
        self._known = known
        self._own = {name: [one for one in values if secret not in str(one)] for name, values in known.items()}

    def call(self, rng: Random) -> Wire:
        """A request, mutated on one of its levels; a few are valid."""
        service = "rekognition" if rng.random() < 0.65 else "sns"
        names = (
            BUILT[service] if rng.random() < 0.6 else models()[service]
        )  # the others say only that they are not built
        name = rng.choice(sorted(names))
        # Whoever makes a collection of another account's name has it: then answers would show it rightly.
        known = self._own if name.startswith("Create") else self._known
        request = Values(rng, known, TEXTS).of(models()[service][name].input_shape)
        dice = rng.random()
        if dice < 0.57:
            request = harmed(rng, request)
        call = _built(service, name, request, rng)
        if dice < 0.72:
            return call
        if dice < 0.82:
            return harmed_body(rng, call)
        if dice < 0.90:
            return harmed_head(rng, call)
        if dice < 0.98:
            return _badly_signed(call, rng)
        return replace(call, kind="framing")


def _built(service: str, name: str, request: Any, rng: Random) -> Wire:
    if service == "rekognition":
        return json_call(name, request, "member")
    fields = [("Action", name), ("Version", "2010-03-31"), *flattened(request)]
    while rng.random() < 0.2:  # what a form can be beside a tree
        place = rng.randrange(len(fields))
        key = fields[place][0]
        odd = rng.choice(
            (
                f"{key}.",
                f".{key}",
                f"{key}..x",
                f"{key}.entry.1.key",
                f"{key}.member.0",
                f"{key}.member.99999999999",
                f"{key}.1.2.3.4.5.6.7.8.9",
                key,
            )
        )
        fields.insert(rng.randrange(len(fields) + 1), (odd, rng.choice(BROKEN_TEXTS)))
    return form_call(name, fields, "member")


def _badly_signed(call: Wire, rng: Random) -> Wire:
    harm = rng.choice(HARMS)
    if harm == "presigned":
        return presigned(call, ("AKIA" + "0" * 16, ""), rng)
    return replace(call, sign=harm, kind="signature")
