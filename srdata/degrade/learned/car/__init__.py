"""The Content Adaptive Resampler: a downscaler that learns one resampling kernel per LR pixel.

Sun and Chen, "Learned Image Downscaling for Upscaling using Content Adaptive Resampler", IEEE Transactions on
Image Processing 29, 2020 (arXiv 1907.12904). The names and shapes of its parameters are those of the authors'
release (github.com/sunwj/CAR), so that their `kgn.pth` loads. The code is written from what the paper says
and the release computes, in plain tensor operations: any device, any image size, batches, gradients.

any_size          downscaling an image of any size
gather            LR pixels as weighted sums of displaced HR samples
initial_weights   the values from which training starts
losses            what it is trained for besides reconstruction
network           from an image to a resampling kernel for each LR pixel
safetensors_file  named tensors in a file, checked
training          `train_resampler`
training_crops    crops of photographs, and those kept from training
training_run      one run: saved and restored
upscaler          the partner in training
weights           files of weights, checked before they become a network
"""
