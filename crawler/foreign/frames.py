"""What a file is packed in: gzip members, zstd frames or nothing; each unpacked a little at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

from zlib_ng import zlib_ng

from crawler.errors import Damaged

GZIP, ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
DICTIONARY = b"\x5d\x2a\x4d\x18"  #: a skippable frame that the others are packed with (the WARC-zstd text)
DICTIONARY_BYTES = 16 << 20
WINDOW_BYTES = 128 << 20  #: zstd's own limit without --long
PIECE = 1 << 16
SEARCHED = 1 << 16  #: bytes at once in which the next frame is looked for

_GZIP_BITS = 31  # zlib's wbits for a gzip member; its CRC and length are compared
_GzipError = cast("type[Exception]", zlib_ng.error)  # its stub says that it is an instance


class Decoder(Protocol):
    """Takes the packing off one frame."""

    feed: int  #: bytes that it is given at once, so that what they give is bound
    endless: bool  #: the file's end is its end

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        """What these bytes give, some MB at most, and which of them it has not taken yet; or Damaged."""

    @property
    def over(self) -> bool:
        """Whether the frame came to its end; what is behind it was not taken."""


class Frame:
    """The plain bytes of one frame of a file; `end`, once there are no more, is where the next begins."""

    def __init__(self, file: BinaryIO, offset: int, decoder: Decoder) -> None:
        file.seek(offset)
        self._file, self._decoder, self._ahead = file, decoder, b""
        self.start = self.end = offset

    def read(self) -> bytes:
        """Some more, nothing at the end; Damaged where the frame is not whole."""
        while not self._decoder.over:
            self._ahead = self._ahead or self._file.read(self._decoder.feed)
            if not self._ahead:
                if self._decoder.endless:
                    break
                raise Damaged("the file ends inside of it")
            plain, rest = self._decoder.decode(self._ahead)
            self.end += len(self._ahead) - len(rest)
            self._ahead = rest
            if plain:
                return plain
        return b""


class _Gzip:
    feed, endless = PIECE, False

    def __init__(self) -> None:
        self._inflate = zlib_ng.decompressobj(_GZIP_BITS)

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        try:
            plain = self._inflate.decompress(data, PIECE)
        except _GzipError as error:
            raise Damaged(f"it can't be unpacked: {error}") from error
        return plain, self._inflate.unused_data if self.over else self._inflate.unconsumed_tail

    @property
    def over(self) -> bool:
        return bool(self._inflate.eof)


class _Zstd:
    feed, endless = 256, False  # a block of 128 KiB may take four bytes

    def __init__(self, dictionary: bytes) -> None:
        import zstandard

        with_it = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        unpacker = zstandard.ZstdDecompressor(dict_data=with_it, max_window_size=WINDOW_BYTES)
        self._frame = unpacker.decompressobj()

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        import zstandard

        try:
            plain = self._frame.decompress(data)
        except zstandard.ZstdError as error:
            raise Damaged(f"it can't be unpacked: {error}") from error
        return plain, self._frame.unused_data if self.over else b""

    @property
    def over(self) -> bool:
        return self._frame.eof


class _Plain:
    feed, endless, over = PIECE, True, False

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        return data, b""


class Packing:
    """How one file is packed: opens its frames, and finds the next where one is broken."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        start = file.read(8)
        self.first = 0  #: where the first frame begins
        self.magic, self._decoder = self._kind(start)  #: how each of its frames begins, if it is packed

    @property
    def is_gzip(self) -> bool:
        return self.magic == GZIP

    def frame(self, offset: int) -> Frame:
        """The frame that begins there."""
        return Frame(self._file, offset, self._decoder())

    def ends(self, offset: int) -> bool:
        """Whether nothing is there any more."""
        self._file.seek(offset)
        return not self._file.read(1)

    def after(self, offset: int, sign: bytes) -> int | None:
        """The next place behind this one where the sign stands; None if there is none."""
        at = offset + 1
        while True:
            self._file.seek(at)
            piece = self._file.read(SEARCHED)
            if (found := piece.find(sign)) >= 0:
                return at + found
            if len(piece) < len(sign):
                return None
            at += len(piece) - len(sign) + 1  # so that none is cut

    def _kind(self, start: bytes) -> tuple[bytes, Callable[[], Decoder]]:
        if start.startswith(GZIP):
            return GZIP, _Gzip
        if start.startswith(ZSTD):
            return ZSTD, lambda: _Zstd(b"")
        if start.startswith(DICTIONARY):
            dictionary = self._dictionary(int.from_bytes(start[4:8], "little"))
            return ZSTD, lambda: _Zstd(dictionary)
        return b"", _Plain

    def _dictionary(self, length: int) -> bytes:
        import zstandard

        if length > DICTIONARY_BYTES:
            raise Damaged(f"its dictionary has {length} bytes, we read {DICTIONARY_BYTES} at most")
        self._file.seek(8)
        told, self.first = self._file.read(length), 8 + length
        if not told.startswith(ZSTD):
            return told
        try:
            with zstandard.ZstdDecompressor().stream_reader(told) as reader:
                return reader.read(DICTIONARY_BYTES)
        except zstandard.ZstdError as error:
            raise Damaged(f"its dictionary can't be unpacked: {error}") from error
