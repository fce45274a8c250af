"""Compiles the kernels for a GPU that need not be here, and prints what came of it as JSON."""

from __future__ import annotations

import json
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from srdata.triton_kernels.crop_kernel import _crop
from srdata.triton_kernels.jpeg_kernels import _code, _put_together

COLOUR = {"ACROSS": 2, "DOWN": 2, "COLOURED": True, "FLOAT": True}
KERNELS: tuple[tuple[Any, tuple[str, ...], dict[str, Any]], ...] = (
    (
        _crop,
        ("*u8", "*i64", "*i64", "*fp32", "*fp32"),
        {"CHANNELS": 3, "CHANNELS_LAST": False, "SPOTS": 1024},
    ),
    (_code, ("*fp32", "*u8", *["*fp32"] * 4), {**COLOUR, "EVEN": 1, "ODD": 2, "BLOCKS": 8}),
    (
        _put_together,
        ("*u8", "*fp32", "*fp32"),
        {**COLOUR, "LEFT": 8, "RIGHT": 7, "SMOOTH": True, "SPOTS": 512},
    ),
)


def compiled(kernel: Any, pointers: tuple[str, ...], constants: dict[str, Any], capability: int) -> str:
    """The assembly of a kernel whose numbers are 32-bit integers."""
    names = [parameter.name for parameter in kernel.params]
    types = [
        *pointers,
        *["i32"] * (len(names) - len(pointers) - len(constants)),
        *["constexpr"] * len(constants),
    ]
    places = {(names.index(name),): value for name, value in constants.items()}
    source = ASTSource(kernel, dict(zip(names, types, strict=True)), places)
    options = {"enable_fp_fusion": False}
    assembly: str = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options).asm[
        "ptx"
    ]
    return assembly


def specialised(kernel: Any) -> list[str]:
    """The numbers whose values would have a kernel compiled anew."""
    numbers = [parameter for parameter in kernel.params if not parameter.is_constexpr]
    return [number.name for number in numbers if not number.do_not_specialize]


if __name__ == "__main__":
    found = {}
    for kernel, pointers, constants in KERNELS:
        assembly = compiled(kernel, pointers, constants, 80)
        found[kernel.fn.__name__] = {
            "fused": assembly.count("fma.rn.f32"),
            "divided": assembly.count("div.rn.f32"),
            "divided roughly": assembly.count("div.full.f32") + assembly.count("div.approx"),
            "specialised": specialised(kernel)[len(pointers) :],
        }
    print(json.dumps(found))
