"""Tensors on a device: how they come there, and by which settings they are computed.

aligned         arrays whose memory begins where the processor copies into it fastest
device_copies   numbers of the host on a device, not waiting for it, each by itself or all by one copy
shapes_alone    going over tensors without contents, quickly
torch_settings  computing by settings of torch that are not the caller's
"""
