"""Arithmetic on batches of images, the same for numpy and torch.

backend           the one place where numpy and torch differ
batch_resize      resizing without antialiasing as OpenCV and torch do, with it as MATLAB does
blur_kernels      the kernels of blurs
device_constants  numbers that never change, kept on each device
filters           a kernel of its own for each image
gaussian          the Gaussian blur inside other ops
kernel_files      kernels in .npy and .mat files
noise_tables      the laws of noise as tables of equally likely numbers
photon_counts     Poisson noise, by the tables or by its expansion
random_fields     fields of random numbers, the same bits on every device
"""
