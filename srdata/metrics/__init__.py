"""Evaluation as papers do it: PSNR and SSIM under named protocols, further measures, opinion scores."""
