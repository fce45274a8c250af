"""From a name and an address to verified files.

archive_members   the files inside a zip or tar, hostile ones refused
bring             download, check, unpack the files of a source
download          a verified file from the first address that gives it
http              one request: where it may lead, how long to wait
image_sets        from an image set to image files
local_files       what of a data set is on this disk
manifest          what a data set holds, and what is known of its bytes
match_files       which files are the images of a set
of_manifest       what a manifest names, downloaded
partial_download  what has come so far, to go on with
remote_files      where bytes at an address live: s3://, https:// and the like, brought here verified
remote_folders    folders at addresses: what is written there is compared with what the store has
shard_cache       a bounded cache of files that all processes of a machine share
unpack            all files of an archive, checked, or nothing
"""

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.fetch.http import Patience as Patience
    from srdata.fetch.image_sets import Planned as Planned
    from srdata.fetch.image_sets import have as have
    from srdata.fetch.image_sets import obtain as obtain
    from srdata.fetch.image_sets import plan as plan
    from srdata.fetch.match_files import SourceImage as SourceImage
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.fetch.http": "Patience",
            "srdata.fetch.match_files": "SourceImage",
            "srdata.fetch.image_sets": "Planned have obtain plan",
        },
    )
