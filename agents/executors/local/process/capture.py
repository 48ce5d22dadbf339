"""A bounded log: the first and the last bytes of a stream of any length."""

HEAD = 32 * 1024
TAIL = 32 * 1024


class Capture:
    """Keeps `HEAD` first and `TAIL` last bytes of what is added, and the total."""

    def __init__(self) -> None:
        self.total = 0
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take in the next bytes of the stream."""
        self.total += len(chunk)
        room = HEAD - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        del self._tail[:-TAIL]

    def text(self) -> bytes:
        """The stream, or its head and tail around one line that says how much is missing."""
        missing = self.total - len(self._head) - len(self._tail)
        marker = f"\n... {missing:,} bytes left out ...\n".encode() if missing else b""
        return bytes(self._head) + marker + bytes(self._tail)
