"""Clients that open connections and then take their time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvicorn

from api.serve.connection import PromptProtocol
from api.serve.listen import listen

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
PAUSE_S = 0.3


class Hasty(PromptProtocol):
    head_s = 0.1


async def slow(_: Any, receive: Any, send: Any) -> None:
    """Reads the whole request and takes longer to answer than a head may take to arrive."""
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(PAUSE_S)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def answer_to(pieces: Sequence[bytes]) -> bytes:
    """What comes back for the pieces, sent with pauses, until the server closes the connection."""

    async def conversation() -> bytes:
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(slow, http=Hasty, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(PAUSE_S)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        server.should_exit = True
        await serving
        return answer

    return asyncio.run(conversation())


def test_a_connection_without_a_request_is_closed() -> None:
    assert answer_to([]) == b""


def test_a_head_that_does_not_end_is_cut_off() -> None:
    assert answer_to([b"POST / HT"]) == b""


def test_a_head_that_trickles_is_cut_off() -> None:
    assert answer_to([b"POST / HTTP/1.1\r\n", b"Host: x\r\n"]) == b""


def test_neither_a_slow_body_nor_a_slow_answer_is_cut_off() -> None:
    answer = answer_to([REQUEST, b"{", b"}", b""])
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"ok")


def test_the_next_request_on_a_connection_must_be_prompt_too() -> None:
    answer = answer_to([REQUEST + b"{}", b"", b"POST / HT"])
    assert answer.count(b"HTTP/1.1 200 OK") == 1
