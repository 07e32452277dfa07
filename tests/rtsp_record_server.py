"""A real RTSP server that takes pushes (ANNOUNCE, RECORD), on GStreamer's own server library.

    python3 tests/rtsp_record_server.py --port 8554 --folder /tmp/taken
    python3 tests/rtsp_record_server.py --port 0 --folder /tmp/taken --user name:password --digest

What is pushed to ``/gate`` goes into the folder as MPEG-TS, a file for each connection: 0.ts, 1.ts and so on.
Runs with the system's Python, as ``rtsp_server.py`` does. Prints the port, then READY.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

_ROLE = "publisher"
_REALM = "test"


class TakingFactory(GstRtspServer.RTSPMediaFactory):
    """Each connection gets a media of its own, and so a file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._count = 0
        self.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
        self.set_launch(
            "( rtph264depay name=depay0 ! h264parse "
            "! mpegtsmux alignment=7 ! filesink name=file buffer-mode=unbuffered async=false sync=false )"
        )
        self.connect("media-constructed", self._constructed)

    def _constructed(self, _factory, media) -> None:
        path = self._folder / f"{self._count}.ts"
        self._count += 1
        media.get_element().get_by_name("file").set_property("location", str(path))


def require_password(server, factory, user: str, password: str, digest: bool) -> None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, _ROLE)
    if digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.set_realm(_REALM)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.from_string(
            f"{_ROLE}, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
        )[0]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8554, help="0: any free port")
    parser.add_argument("--folder", type=Path, required=True, help="where the video goes")
    parser.add_argument("--user", metavar="NAME:PASSWORD", help="ask clients for this user and password")
    parser.add_argument("--digest", action="store_true", help="by Digest instead of Basic authentication")
    arguments = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(arguments.port))
    factory = TakingFactory(arguments.folder)
    server.get_mount_points().add_factory("/gate", factory)
    if arguments.user:
        require_password(server, factory, *arguments.user.split(":", 1), digest=arguments.digest)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {arguments.port}")
    print(server.get_bound_port())
    print("READY", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
