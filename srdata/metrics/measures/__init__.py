"""Measures besides PSNR and SSIM, by name.

fsim           FSIM: phase congruency and gradients
gmsd           GMSD: gradients
measure_table  `MEASURES`, and functions of a user's own
perceptual     LPIPS, DISTS and others by networks of other packages
psnr_b         PSNR-B: blocks of JPEG
ssim           SSIM and MS-SSIM on planes
ssim_terms     terms of SSIM on a CPU
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.metrics.measures.measure_table import MEASURES as MEASURES
    from srdata.metrics.measures.measure_table import ROLES as ROLES
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__, {"srdata.metrics.measures.measure_table": "MEASURES ROLES"}
    )
