"""Receivers and tenants that want more than a POST: none of it leads anywhere or costs much."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from botocore.exceptions import ClientError

from pipeline.notify.delivery import deliver_due
from pipeline.notify.ssrf import LOOPBACK, Guard
from pipeline.notify.states import DeliveryState
from pipeline.notify.webhook import DeliveryFailed, Response, Webhooks, _PinnedBackend, trust
from tests.support.aws_server import break_in
from tests.support.receiver import Answer, receiving
from tests.support.sns_deliveries import TOPIC, announce, join, latest, small
from tests.support.sns_installation import Installation

__all__ = ["small"]  # fixtures
Session = Callable[[socket.socket], None]


@contextmanager
def listening(session: Session) -> Iterator[str]:
    """URL of a server that talks to each connection as `session` says."""
    server = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the other side has had enough
            session(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for thread in (accepting, *threads):
            thread.join()


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    with Webhooks(Guard(LOOPBACK), trust(None), 0.5) as ready:
        yield ready


def whole(connection: socket.socket) -> bool:
    """Whether a request with the body "x" came, in however many pieces."""
    data = b""
    while not data.endswith(b"\r\n\r\nx"):
        piece = connection.recv(65536)
        if not piece:
            return False
        data += piece
    return True


def endless(head: bytes, part: bytes) -> Session:
    def session(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while True:
            connection.sendall(part)

    return session


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Fill: " + b"x" * 1000 + b"\r\n"),  # headers without end
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),  # an answer that is always about to come
        (b"HTTP/1.1 ", b"2"),
        (b"", b"\x00"),
    ],
)
def test_an_answer_without_end_is_a_failure(webhooks: Webhooks, head: bytes, part: bytes) -> None:
    with listening(endless(head, part)) as url, pytest.raises(DeliveryFailed):
        webhooks.post(url, {}, b"x")


def test_a_trickle_gains_no_time(webhooks: Webhooks) -> None:
    over = threading.Event()

    def session(connection: socket.socket) -> None:
        connection.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000:
            connection.sendall(bytes([byte]))
            if over.wait(0.05):
                return

    with listening(session) as url:
        with pytest.raises(DeliveryFailed, match=r"no response within 0\.5 s"):
            webhooks.post(url, {}, b"x")
        over.set()


def test_a_receiver_that_reads_nothing_gains_no_time(webhooks: Webhooks) -> None:
    over = threading.Event()
    with listening(lambda _connection: over.wait(30) and None) as url:
        with pytest.raises(DeliveryFailed, match="no response within"):
            webhooks.post(url, {}, b"x" * 50_000_000)
        over.set()


def test_a_connection_without_time_for_tls_is_closed() -> None:
    backend = _PinnedBackend(Guard(LOOPBACK))
    ended = threading.Event()
    with listening(lambda connection: ended.set() if connection.recv(1) == b"" else None) as url:
        backend.begin(time.monotonic() + 30)
        stream = backend.connect_tcp("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))
        backend.begin(time.monotonic())
        with pytest.raises(TimeoutError):
            stream.start_tls(trust(None), "127.0.0.1")
        assert ended.wait(30)


def test_a_body_without_end_is_left_unread_and_counts_as_an_answer(webhooks: Webhooks) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with listening(endless(head, b"400\r\n" + b"y" * 1024 + b"\r\n")) as url:
        assert webhooks.post(url, {}, b"x") == Response(200, "y" * 200)


def test_nothing_is_decompressed(webhooks: Webhooks) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    with receiving(lambda _request: Answer(500, {"Content-Encoding": "gzip"}, bomb)) as receiver:
        assert webhooks.post(receiver.url, {}, b"x").code == 500


def test_a_kept_connection_is_used_again_and_may_have_ended(webhooks: Webhooks) -> None:
    connections: list[socket.socket] = []

    def session(connection: socket.socket) -> None:
        connections.append(connection)
        for _ in range(2):  # then it hangs up without a word
            if not whole(connection):
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.recv(65536)

    with listening(session) as url:
        assert [webhooks.post(url, {}, b"x").code for _ in range(5)] == [200] * 5
        assert len(connections) == 3  # the third message found the first connection ended and took one for itself
        webhooks.__exit__(None, None, None)


def test_names_are_asked_for_each_connection_and_never_twice_for_one() -> None:
    """A name server that says another address the second time changes nothing for a connection that was checked."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    served = 0

    def session(connection: socket.socket) -> None:
        nonlocal served
        while whole(connection):
            served += 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with listening(session) as url, Webhooks(Guard(LOOPBACK, rebinding), trust(None), 0.5) as webhooks:
        named = url.replace("127.0.0.1", "rebinding.example")
        assert webhooks.post(named, {}, b"x").code == 200
        assert webhooks.post(named, {}, b"x").code == 200
        assert (served, asked) == (2, ["rebinding.example"])
        with pytest.raises(DeliveryFailed, match=r"169\.254\.169\.254"):
            webhooks.post(named.replace("http", "https"), {}, b"x")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://public.example@169.254.169.254/",
        "http://169.254.169.254%2f@169.254.169.254/",
        "http://10.0.0.1/",
        "http://①⑥⑨.254.169.254/",
    ],
)
def test_no_spelling_of_a_refused_address_can_be_subscribed(small: Installation, endpoint: str) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameter.*Endpoint"):
        small.client().subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=endpoint)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_leads_nowhere(small: Installation, code: int) -> None:
    with receiving() as receiver, receiving() as inside:
        join(small, receiver)
        receiver.answer = lambda _request: Answer(code, {"Location": inside.url}, b"")
        message_id = announce(small)
        small.deliver()
        assert inside.requests == []
        assert latest(small, message_id)["last_code"] == code


def test_a_url_of_old_is_checked_as_a_new_one(small: Installation) -> None:
    with receiving() as receiver:
        arn = join(small, receiver)
        for endpoint in (
            "http://[::ffff:10.0.0.1]/",
            "http://0300.0250.1.1/",
            "ftp://127.0.0.1/",
            "http://",
            "\n",
            "http://127.0.0.1:99999/",
        ):
            break_in(small, arn, endpoint=endpoint)
            message_id = announce(small)
            deliver_due(small.services)
            row = latest(small, message_id)
            assert (row["state"], row["last_code"]) == (DeliveryState.PENDING, None)
            assert row["last_error"]
