"""Arithmetic on batches of images, the same for numpy and torch.

backend         the one place where numpy and torch differ
batch_resize    resizing without antialiasing as OpenCV and torch do, with it as MATLAB does
blur_kernels    the kernels of blurs
filters         a kernel of its own for each image
gaussian        the Gaussian blur inside other ops
kernel_files    kernels in .npy and .mat files
noise_tables    noise by looking up random numbers
torch_settings  computing by settings of torch that are not the caller's
"""
