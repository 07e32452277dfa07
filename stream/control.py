"""Commands to a running ``live``: a ZeroMQ REP socket on this machine, JSON both ways (docs/wire-format.md).

Whoever can connect can move the picture, so it is bound to the loopback or a socket file only.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import zmq

from stream.endpoint import check_endpoint
from stream.errors import NightglassError, SinkError, SourceError, UsageError
from stream.sinks.ipc import taken

log = logging.getLogger("nightglass")

Handler = Callable[[dict[str, Any]], dict[str, Any]]
"""Carries out one command; raises NightglassError with what is wrong."""

_POLL_MS = 100
_MAX_BYTES = 4096


class ControlServer:
    """Answers commands in a thread of its own."""

    def __init__(self, endpoint: str, handler: Handler) -> None:
        self.endpoint = endpoint
        """As configured; after ``start`` with the port that was taken (for ``tcp://127.0.0.1:*``)."""
        self._handler = handler
        self._stopping = threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._socket: zmq.Socket[bytes] | None = None

    def start(self) -> None:
        """Bind the endpoint and start answering. Raises SinkError."""
        if (reason := taken(self.endpoint)) is not None:
            raise SinkError(f"control {self.endpoint}: {reason} under control.endpoint")
        socket = self._context.socket(zmq.REP)
        try:
            socket.setsockopt(zmq.MAXMSGSIZE, _MAX_BYTES)
            socket.setsockopt(zmq.LINGER, 200)
            socket.bind(self.endpoint)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise SinkError(
                f"control {self.endpoint}: {error.strerror}; choose another endpoint under control.endpoint"
            ) from None
        self.endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._socket = socket
        self._thread.start()

    def stop(self) -> None:
        """Stop answering; may be called without ``start``, and twice."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._context.term()

    def _run(self) -> None:
        socket = self._socket
        assert socket is not None
        try:
            while not self._stopping.is_set():
                if socket.poll(_POLL_MS):
                    # All parts of it: what is left of a request would forbid the answer.
                    socket.send(json.dumps(self._answer(socket.recv_multipart())).encode())
        finally:
            # Also after a defect of ours, which the thread ends with: the pictures go on.
            if not self._stopping.is_set():
                log.error("control %s: no more commands are taken: its thread has failed", self.endpoint)

    def _answer(self, request: list[bytes]) -> dict[str, Any]:
        if len(request) != 1:
            return {"ok": False, "error": f"a command is one message part, got {len(request)}"}
        try:
            command = json.loads(request[0])
        except (ValueError, RecursionError):
            return {"ok": False, "error": "the command is not JSON, or too deeply nested"}
        if not isinstance(command, dict):
            return {"ok": False, "error": "the command must be a JSON object"}
        try:
            return {"ok": True, **self._handler(command)}
        except NightglassError as error:
            log.warning("command refused: %s", error)
            return {"ok": False, "error": str(error)}


def send_command(endpoint: str, command: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Send one command and wait for the answer. Raises SourceError when none comes, UsageError where it is refused."""
    try:
        check_endpoint(endpoint)
    except ValueError as error:
        raise UsageError(f"{error}; give the endpoint as in control.endpoint") from None
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.REQ)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, round(timeout_s * 1000))
        socket.connect(endpoint)
        socket.send(json.dumps(command).encode())
        answer = json.loads(socket.recv())
    except zmq.Again:
        raise SourceError(
            f"{endpoint}: no answer within {timeout_s:g} s; does live run there, with this as control.endpoint?"
        ) from None
    except zmq.ZMQError as error:
        raise UsageError(f"{endpoint}: {error.strerror}; give the endpoint as in control.endpoint") from None
    except ValueError:
        raise SourceError(f"{endpoint}: the answer is not JSON; is this live's control.endpoint?") from None
    finally:
        socket.close()
        context.term()
    if not isinstance(answer, dict) or not answer.get("ok"):
        reason = answer.get("error") if isinstance(answer, dict) else None
        raise UsageError(f"{endpoint}: {reason or 'the command was refused'}")
    return answer
