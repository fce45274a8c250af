"""Evaluation as papers do it: PSNR and SSIM under named protocols, further measures, opinion scores."""

from srdata.metrics.evaluation import evaluate as evaluate
from srdata.metrics.evaluation import evaluate_bicubic as evaluate_bicubic
from srdata.metrics.protocols import PROTOCOLS as PROTOCOLS
from srdata.metrics.protocols import Border as Border
from srdata.metrics.protocols import Protocol as Protocol
from srdata.metrics.psnr_ssim import psnr as psnr
from srdata.metrics.psnr_ssim import ssim as ssim
from srdata.metrics.result import Evaluation as Evaluation

__all__ = ["PROTOCOLS", "Border", "Evaluation", "Protocol", "evaluate", "evaluate_bicubic", "psnr", "ssim"]
