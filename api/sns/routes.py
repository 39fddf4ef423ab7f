"""What receivers of notifications fetch without credentials: the signing certificates. Links in messages go to `/` like all actions."""

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.notify.keyring import Keyring
from pipeline.services import Services

CERTIFICATE_TYPE = "application/x-pem-file"


def routes(services: Services) -> Sequence[Route]:
    """The certificate files."""

    def certificate(request: Request) -> Response:
        """PEM of a signing key; it never changes under its name."""
        key_id = request.path_params["key_id"]
        known = re.fullmatch("[0-9a-f]{64}", key_id) is not None
        pem = Keyring(services.engine, services.settings).certificate(key_id) if known else None
        if pem is None:
            return PlainTextResponse("no such certificate\n", 404)
        return Response(pem, 200, {"Cache-Control": "public, max-age=31536000, immutable"}, CERTIFICATE_TYPE)

    return [Route("/SimpleNotificationService-{key_id}.pem", certificate, methods=["GET"])]
