"""HTTPS: the server's certificate, read again when its file changes, as it does every few weeks."""

from __future__ import annotations

import logging
import ssl

from stream.config import WebTlsConfig
from stream.errors import SinkError

log = logging.getLogger("nightglass")


class Certificate:
    """``context`` is what a server listens with; connections after ``refresh`` get the files' new content."""

    def __init__(self, config: WebTlsConfig) -> None:
        """Read both files. Raises SinkError."""
        self._config = config
        self._seen = self._changed()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(self.context)

    def refresh(self) -> None:
        """Look whether the files have changed; what cannot be read is said, and the old one kept."""
        try:
            changed = self._changed()
            if changed == self._seen:
                return
            self._seen = changed
            # In a context by itself first: half a pair would spoil the one in use.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
            log.info("%s: read again", self._config.certificate)
        except SinkError as error:
            log.error("%s; the certificate from before stays in use", error)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._config.certificate, self._config.key
        try:
            # A passphrase would be asked for on the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).lower().replace("_", " ")
            raise SinkError(
                f"{certificate} and {key}: not a certificate and its key in PEM, without a passphrase ({reason})"
            ) from None
        except OSError as error:
            raise SinkError(f"{certificate} and {key}: cannot be read: {error.strerror}") from None

    def _changed(self) -> tuple[int, int]:
        stamps = []
        for path in (self._config.certificate, self._config.key):
            try:
                stamps.append(path.stat().st_mtime_ns)
            except OSError as error:
                raise SinkError(f"{path}: cannot be read: {error.strerror}; see outputs.web.tls") from None
        return stamps[0], stamps[1]
