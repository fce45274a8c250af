"""Optional compiled code: what numpy, torch and OpenCV take several passes over memory for, in one.

These stay the reference, and the compiled code is used where it was built when srdata was installed. The C
files know nothing of Python, so they make one library for all its versions.

build_library    the C files made into a library, by whatever compiler there is
hatch_hook       the same, when a wheel is built
library          the library, where there is one, and the switch that turns it off
compiled_crops   crops copied out of mapped blocks, and turned: the same to the last bit
compiled_planes  images as floats, colour by colour: the same to the last bit
compiled_resize  one pass of a resize, where float loses nothing: the same to the last bit
compiled_ssim    the terms of SSIM: the same but for what is lost by rounding doubles
"""
