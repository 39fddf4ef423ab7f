"""The faces that an account's requests may be matched against."""

from pipeline.aggregate.types import Galleries, NoGalleries
from pipeline.services import Services


def galleries(services: Services, account: str) -> Galleries:
    """The collections of the account and the operator's celebrities."""
    del services, account
    return NoGalleries()
