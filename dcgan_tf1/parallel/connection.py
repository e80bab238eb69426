"""A connection between two workers."""

import contextlib
import json
import socket
import threading

from dcgan_tf1.util.files import parse_json

MAX_MESSAGE_BYTES = 1 << 16
SILENT = object()  # received where nothing came in time


class Connection:
    """Carries JSON values, one a line, over a socket."""

    def __init__(self, stream):
        self._socket, self._rest = stream, b''
        self._lock = threading.Lock()  # of sending: several threads do

    def send(self, value):
        with contextlib.suppress(OSError), self._lock:  # whoever reads finds out
            self._socket.sendall(json.dumps(value).encode() + b'\n')

    def receive(self, seconds):
        """The next value; None at the end or for what is no JSON, SILENT after `seconds` without a byte."""
        while b'\n' not in self._rest:
            try:
                self._socket.settimeout(seconds)
                part = self._socket.recv(MAX_MESSAGE_BYTES)
            except socket.timeout:
                return SILENT
            except OSError:
                return None
            self._rest += part
            if not part or len(self._rest) > MAX_MESSAGE_BYTES:
                return None
        text, _, self._rest = self._rest.partition(b'\n')
        try:
            return parse_json(text.decode())
        except ValueError:
            return None

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
