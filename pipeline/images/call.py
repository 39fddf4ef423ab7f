"""What an operation on images is given."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.images.decode import frame_of
from pipeline.images.limits import LIMITS, Limits
from pipeline.images.source import StoredImage, content_of
from pipeline.media.still import Still
from pipeline.models.types import Models
from pipeline.services import Services


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of a request.

    Attributes:
        frame: The image, upright.
        digest: SHA-256 of its bytes, hexadecimal.
    """

    frame: Still
    digest: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request in the worker that answers it.

    Attributes:
        services: Database and stores.
        models: The networks.
        account: Who asks.
        request: Its members without the images, valid.
        images: The members that are images.
    """

    services: Services
    models: Models
    account: str
    request: Mapping[str, Any]
    images: Mapping[str, bytes | StoredImage]

    def picture(self, member: str = "Image", limits: Limits = LIMITS) -> Picture:
        """The decoded image of a member, within the limits of the operation.

        Raises:
            RequestError: it is not an image that can be used.
        """
        content = content_of(self.services.objects, self.images[member])
        return Picture(frame_of(content, member, limits), hashlib.sha256(content).hexdigest())
