"""What receivers of notifications fetch without credentials: the links in messages and the signing certificates."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.sns.endpoint import handle
from pipeline.notify.keyring import Keyring
from pipeline.services import Services

CERTIFICATE_TYPE = "application/x-pem-file"


def routes(services: Services) -> Sequence[Route]:
    """GET / with an Action, and the certificate files."""

    def link(request: Request) -> Response:
        """Confirms or ends a subscription."""
        return handle(services, None, dict(request.query_params))

    def certificate(request: Request) -> Response:
        """PEM of a signing key; it never changes under its name."""
        pem = Keyring(services.engine, services.settings).certificate(request.path_params["key_id"])
        if pem is None:
            return PlainTextResponse("no such certificate\n", 404)
        return Response(pem, 200, {"Cache-Control": "public, max-age=31536000, immutable"}, CERTIFICATE_TYPE)

    return [
        Route("/", link, methods=["GET"]),
        Route("/SimpleNotificationService-{key_id}.pem", certificate, methods=["GET"]),
    ]
