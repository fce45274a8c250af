"""Optional kernels in Triton: what takes plain torch dozens of launches on CUDA, in one or two.

Plain torch stays the reference: the kernels give the same to the last bit, and are used where a device has
shown that they do. No GPU has run them yet; tests run them on the CPU, in Triton's interpreter.

when_used     where they take the place of plain torch, and the switch that turns them off
crop_kernel   crops of 8-bit pixels, turned, as floats or bytes in either memory format
jpeg_kernels  JPEG: one kernel codes blocks and decodes them, one puts the picture together
"""
