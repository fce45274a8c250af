"""A prepared set as a whole: its images with their δ, whether it is what it says, its licences.

image_columns  captions and other columns that were added to it
licence_names  licences by the names of the Hub and of SPDX
licences       whether its images may be passed on
remote_claims  whose a set at an address is while it is made
remote_sets    sets at addresses: their shards are brought here at first use
set_images     `PreparedImages` of any layout; `explain` and `replay` what made LR
shard_check    every record of a shard against its hash
verification   `verify`: files, records and pairs against their hashes, δ and the published set
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.prepared.set_images import PreparedImages as PreparedImages
    from srdata.prepared.set_images import explain as explain
    from srdata.prepared.set_images import replay as replay
    from srdata.prepared.verification import Report as Report
    from srdata.prepared.verification import verify as verify
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.prepared.set_images": "PreparedImages explain replay",
            "srdata.prepared.verification": "Report verify",
        },
    )
