"""What went wrong with a push, and what to check. Pure."""

from __future__ import annotations

from dataclasses import dataclass

NO_ANSWER = "TimeoutError"
"""The kind of failure where nothing came."""


@dataclass(frozen=True, slots=True)
class Advice:
    """``text``: one line without the URL, which may hold a password. ``settled``: trying again soon will not help."""

    text: str
    settled: bool = False


_KNOWN = {
    "gaierror": Advice("unknown host; check the name in the URL and this machine's DNS"),
    "ConnectionRefusedError": Advice("connection refused; check host and port, and that the server runs"),
    "HTTPUnauthorizedError": Advice(
        "the server refuses user or password (401); check them, and percent-encode special characters", settled=True
    ),
    "HTTPForbiddenError": Advice(
        "the server refuses access (403); check that the user may publish at this path", settled=True
    ),
    "HTTPNotFoundError": Advice(
        "the server takes no video at this path (404); check the path, and that it is set up for publishing",
        settled=True,
    ),
    "ProtocolNotFoundError": Advice("the installed PyAV is built without this protocol; use rtsp://", settled=True),
}

_ENDED = (
    "BrokenPipeError",
    "ConnectionResetError",
    "ConnectionAbortedError",
    "EOFError",
    "InvalidDataError",
    "FileNotFoundError",
)
"""Various names that FFmpeg has for a server that goes, or that answers with something else than RTSP."""


def advice(kind: str, text: str, waited_s: float, timeout_s: float, *, connected: bool) -> Advice:
    """What to say of a failure. ``kind``: the exception's name, ``text``: FFmpeg's. ``waited_s``: how long it took.

    ``connected``: whether video was being sent.
    """
    if kind in _KNOWN:
        return _KNOWN[kind]
    # FFmpeg reports some of its time-outs as "invalid data" or "input/output error".
    if kind in (NO_ANSWER, "ExitError") or (waited_s >= 0.9 * timeout_s and not kind.startswith("HTTP")):
        if connected:
            return Advice(f"the server has taken nothing for {timeout_s:g} s; check it and the network")
        return Advice(f"no answer within {timeout_s:g} s; check address, cable and firewall, or raise timeout_s")
    if kind.startswith("HTTP"):
        return Advice("the server refuses the video; check that it takes pushes (ANNOUNCE) at this path, and its log")
    if kind in _ENDED:
        if connected:
            return Advice("the server has ended the connection; its log says why")
        return Advice(
            "the server has ended the connection, or is no RTSP server that takes pushes; check port and path"
        )
    return Advice(f"{text}; check host, port and path, and that this machine reaches them")
