"""What OpenCV and libjpeg alone take for a chain: blur, resize and JPEG in a bare loop, nothing drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.comparison import Work
from srdata.degrade.chain import Chain, Delta
from srdata.degrade.model.composite import leaves, way_of
from srdata.degrade.ops.blur import kernel_of
from srdata.degrade.ops.resizing import scaled

Floats = NDArray[np.float32]
Call = Callable[[Floats], Floats]

_METHODS = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


def bare(chain: Chain, image: NDArray[np.uint8], deltas: Sequence[Delta], scale: int) -> Work:
    """The same blurs, resizes and JPEGs that these draws ask for, on one image after another; no noise."""
    floats = image.astype(np.float32) / 255
    size = [side // scale for side in image.shape[:2]]
    plans = [_calls(chain, delta, size) for delta in deltas]

    def work() -> None:
        for plan in plans:
            x = floats
            for call in plan:
                x = call(x)

    return work


def _calls(chain: Chain, delta: Delta, size: list[int]) -> list[Call]:
    way = way_of((*chain.hr, *chain.steps), delta)
    found = (_call(op, params) for op, params in leaves(way, size))
    return [call for call in found if call is not None]


def _call(op: Any, params: dict[str, Any]) -> Call | None:
    if op.op == "blur":
        kernel = kernel_of(params, op.shift).astype(np.float32)
        return lambda x: cv2.filter2D(x, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    if op.op == "resize":
        return lambda x: _resized(x, params, op.to == "lr")
    if op.op == "subsample":
        height, width = params["lr_size"]
        return lambda x: np.ascontiguousarray(
            x[:: op.step or x.shape[0] // height, :: op.step or x.shape[1] // width]
        )
    return (lambda x: _through_jpeg(x, params["quality"])) if op.op == "jpeg" else None


def _resized(x: Floats, params: dict[str, Any], to_lr: bool) -> Floats:
    height, width = params["lr_size"] if to_lr else x.shape[:2]
    size = scaled(width, params["factor"]), scaled(height, params["factor"])
    return np.asarray(cv2.resize(x, size, interpolation=_METHODS[params["method"]]), np.float32)


def _through_jpeg(x: Floats, quality: int) -> Floats:
    levels = cv2.convertScaleAbs(x, alpha=255)
    data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.float32) * np.float32(1 / 255)
