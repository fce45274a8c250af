"""Measures besides PSNR and SSIM, by name.

fsim           FSIM: phase congruency and gradients
gmsd           GMSD: gradients
measure_table  `MEASURES`, and functions of a user's own
niqe           NIQE, which needs no HR
perceptual     LPIPS, DISTS and others by networks of other packages
psnr_b         PSNR-B: blocks of JPEG
ssim           SSIM and MS-SSIM on planes
"""
