"""What training reads: data sets, loaders, and the orders, schedules and kinds of data that they take.

>>> from srdata.data import Mixed, PairedDataset, Schedule, Weighted  # doctest: +SKIP

arbitrary_scale    pairs of any scale
beside             texts, numbers, prompts and arrays beside images
crops              which region of an image, read, padded, turned, as tensors
datasets           pairs by index, several sets as one, streams
loading            `Loader`, and several loaders as one: from items to batches on the device
option_file_pairs  `SrdataPairedDataset`: pairs as BasicSR, traiNNer-redux and neosr ask for them
pair_sources       where pairs are read from: shards, folders, LMDB, tables, memory
sampling           in which order items come, and which share of them a process takes
single_image       training on one image: zero-shot pairs, deep image prior
streams            shards that are brought here as they are needed, and the order of their rows
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.data.arbitrary_scale.scale_pairs import META_SR as META_SR
    from srdata.data.arbitrary_scale.scale_pairs import ArbitraryScale as ArbitraryScale
    from srdata.data.arbitrary_scale.scale_pairs import coordinates as coordinates
    from srdata.data.beside.companion_arrays import Companions as Companions
    from srdata.data.beside.prompt import Prompt as Prompt
    from srdata.data.datasets.mixed import InRatio as InRatio
    from srdata.data.datasets.mixed import Mixed as Mixed
    from srdata.data.datasets.pair_types import Pair as Pair
    from srdata.data.datasets.pair_types import Pairs as Pairs
    from srdata.data.datasets.paired import PairedDataset as PairedDataset
    from srdata.data.datasets.streaming import StreamedPairs as StreamedPairs
    from srdata.data.loading.batch import Batch as Batch
    from srdata.data.loading.loader import Loader as Loader
    from srdata.data.loading.model_input import DIV2K_MEAN as DIV2K_MEAN
    from srdata.data.loading.multi_loader import Alternating as Alternating
    from srdata.data.loading.multi_loader import Unpaired as Unpaired
    from srdata.data.option_file_pairs import SrdataPairedDataset as SrdataPairedDataset
    from srdata.data.sampling.epoch_sampler import EpochSampler as EpochSampler
    from srdata.data.sampling.orders import Order as Order
    from srdata.data.sampling.orders import Sequential as Sequential
    from srdata.data.sampling.orders import Several as Several
    from srdata.data.sampling.orders import Shuffled as Shuffled
    from srdata.data.sampling.orders import Weighted as Weighted
    from srdata.data.sampling.schedule import Schedule as Schedule
    from srdata.data.single_image.deep_prior import DeepPrior as DeepPrior
    from srdata.data.single_image.deep_prior import Downsampler as Downsampler
    from srdata.data.single_image.zero_shot import ZeroShot as ZeroShot
    from srdata.images import IMAGE_SUFFIXES as IMAGE_SUFFIXES
    from srdata.images import ImagePolicy as ImagePolicy
    from srdata.scale import Scale as Scale
    from srdata.store.windows import Windows as Windows
    from srdata.vocabulary import Color as Color
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.data.arbitrary_scale.scale_pairs": "ArbitraryScale META_SR coordinates",
            "srdata.data.beside.companion_arrays": "Companions",
            "srdata.data.beside.prompt": "Prompt",
            "srdata.data.datasets.mixed": "InRatio Mixed",
            "srdata.data.datasets.pair_types": "Pair Pairs",
            "srdata.data.datasets.paired": "PairedDataset",
            "srdata.data.datasets.streaming": "StreamedPairs",
            "srdata.data.loading.batch": "Batch",
            "srdata.data.loading.loader": "Loader",
            "srdata.data.loading.model_input": "DIV2K_MEAN",
            "srdata.data.loading.multi_loader": "Alternating Unpaired",
            "srdata.data.option_file_pairs": "SrdataPairedDataset",
            "srdata.data.sampling.epoch_sampler": "EpochSampler",
            "srdata.data.sampling.orders": "Order Sequential Several Shuffled Weighted",
            "srdata.data.sampling.schedule": "Schedule",
            "srdata.data.single_image.deep_prior": "DeepPrior Downsampler",
            "srdata.data.single_image.zero_shot": "ZeroShot",
            "srdata.images": "IMAGE_SUFFIXES ImagePolicy",
            "srdata.scale": "Scale",
            "srdata.store.windows": "Windows",
            "srdata.vocabulary": "Color",
        },
    )
