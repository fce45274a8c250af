"""A PNG file that says that srdata drew it, so that it may be drawn anew."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from srdata.common.files import write_file
from srdata.common.output_paths import starts_with
from srdata.images import Pixels, encode_png

_MARK = b"tEXtSoftware\0srdata preview"
_HEADER = 8 + 25  # bytes of the signature and of IHDR, which comes first

is_marked = starts_with(_MARK, _HEADER + 4 + len(_MARK))


def write_marked(path: Path, image: Pixels) -> None:
    """Write an image with the mark; raises StoreError."""
    png = encode_png(image, level=6)
    chunk = struct.pack(">I", len(_MARK) - 4) + _MARK + struct.pack(">I", zlib.crc32(_MARK))
    write_file(path, png[:_HEADER] + chunk + png[_HEADER:])
