"""The Content Adaptive Resampler: a downscaler that learns one resampling kernel per LR pixel.

Sun and Chen, "Learned Image Downscaling for Upscaling using Content Adaptive Resampler", IEEE Transactions on
Image Processing 29, 2020 (arXiv 1907.12904). The names and shapes of its parameters are those of the authors'
release (github.com/sunwj/CAR), so that their `kgn.pth` loads. The code is written from what the paper says
and the release computes, in plain tensor operations: any device, any image size, batches, gradients.
"""
