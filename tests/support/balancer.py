"""A TCP balancer, as stands before several api processes: a connection goes to the next one that takes it."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit


@contextlib.contextmanager
def balancing(urls: Sequence[str]) -> Iterator[str]:
    """Its URL, inside the `with` block."""
    places = [(urlsplit(url).hostname or "", urlsplit(url).port or 80) for url in urls]
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=_serve, args=(listener, places), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, places: Sequence[tuple[str, int]]) -> None:
    for first in itertools.count():
        try:
            client, _ = listener.accept()
        except OSError:
            return
        turns = [places[(first + turn) % len(places)] for turn in range(len(places))]
        threading.Thread(target=_join, args=(client, turns), daemon=True).start()


def _join(client: socket.socket, turns: Sequence[tuple[str, int]]) -> None:
    with client:
        for place in turns:
            with contextlib.suppress(OSError):
                server = socket.create_connection(place, 10)
                server.settimeout(None)
                break
        else:
            return
        with server:
            back = threading.Thread(target=_pipe, args=(server, client), daemon=True)
            back.start()
            _pipe(client, server)
            back.join()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    """Passes on what comes until one side closes; then the other is told."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
