"""Evaluation as papers do it: PSNR and SSIM under named protocols, further measures, opinion scores.

byte_luma        Y of 8-bit RGB by tables
compared_planes  SR and HR as a protocol compares them: cut, rounded, converted
evaluation       `evaluate`, `evaluate_bicubic`: a folder of SR images, or the published baseline
measures         `MEASURES` besides PSNR and SSIM, by name
mos              mean opinion scores of a file of ratings
pair_scores      numbers of pairs of images under protocols and measures
plane_scores     PSNR and SSIM of what is compared
protocols        `PROTOCOLS`: how papers compare SR with HR, as a table
psnr_ssim        `psnr`, `ssim` of images in memory
references       the HR images of a prepared set, a known data set or a folder
result           `Evaluation`: what was found, as a table, CSV, JSON or Markdown
sr_names         which SR file belongs to which HR image
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.metrics.evaluation import evaluate as evaluate
    from srdata.metrics.evaluation import evaluate_bicubic as evaluate_bicubic
    from srdata.metrics.measures.measure_table import MEASURES as MEASURES
    from srdata.metrics.mos import mean_opinions as mean_opinions
    from srdata.metrics.mos import read_ratings as read_ratings
    from srdata.metrics.protocols import PROTOCOLS as PROTOCOLS
    from srdata.metrics.protocols import Border as Border
    from srdata.metrics.protocols import Protocol as Protocol
    from srdata.metrics.psnr_ssim import psnr as psnr
    from srdata.metrics.psnr_ssim import ssim as ssim
    from srdata.metrics.result import Evaluation as Evaluation
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.metrics.evaluation": "evaluate evaluate_bicubic",
            "srdata.metrics.measures.measure_table": "MEASURES",
            "srdata.metrics.mos": "mean_opinions read_ratings",
            "srdata.metrics.protocols": "Border PROTOCOLS Protocol",
            "srdata.metrics.psnr_ssim": "psnr ssim",
            "srdata.metrics.result": "Evaluation",
        },
    )
