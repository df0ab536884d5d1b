"""Small PNG files: 256 colours are enough for a page of text."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from playwright.sync_api import Page

_COLOURS = 256
_ALIKE = 12
_DECODE = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, image.width, image.height).data;
  const parts = [];
  for (let at = 0; at < bytes.length; at += 32768) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 32768)));
  }
  return [image.width, image.height, btoa(parts.join(""))];
}"""


def smaller(blank: Page, png: bytes) -> bytes:
    """The same picture in 256 of its colours, each other one as the nearest of them.

    Of colours that are much alike only the commonest is kept: the greys at the edges of letters
    would leave no room for the colours that mean something.

    Args:
        blank: an empty page of a browser, which decodes the picture.
        png: the picture.
    """
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    width, height, pixels = blank.evaluate(_DECODE, url)
    rgb = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(-1, 4)[:, :3].astype(np.int32)
    packed = rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2]
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    commonest = colours[np.argsort(-counts)]
    _, first = np.unique(_channels(commonest) // _ALIKE, axis=0, return_index=True)
    palette = _channels(commonest[np.sort(first)[:_COLOURS]])
    distances = ((_channels(colours)[:, None] - palette[None]) ** 2).sum(axis=2)
    indices = distances.argmin(axis=1).astype(np.uint8)[places].reshape(height, width)
    lines = np.hstack([np.zeros((height, 1), np.uint8), indices])  # 0: each line as it is
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette.astype(np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _channels(colours: np.ndarray) -> np.ndarray:
    """(colours, 3) of packed ones."""
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
