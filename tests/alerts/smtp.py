"""A mail server that keeps what it is given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

_ANSWERS = {b"EHLO": b"250 sink", b"DATA": b"354 go on", b"QUIT": b"221 bye"}


@dataclass
class Mailbox:
    """What arrived, and where."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)


@contextmanager
def mail_sink() -> Iterator[Mailbox]:
    """A server on 127.0.0.1 for as long as it is needed."""
    box = Mailbox()
    loop = asyncio.new_event_loop()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            command = line[:4].upper().strip()
            writer.write(_ANSWERS.get(command, b"250 ok") + b"\r\n")
            if command == b"DATA":
                body = await reader.readuntil(b"\r\n.\r\n")
                box.mails.append(message_from_bytes(body[:-5]))
                writer.write(b"250 kept\r\n")
            if command == b"QUIT":
                break
        await writer.drain()
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0))
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        server.close()
        loop.close()
