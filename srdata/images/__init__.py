"""Image files in and out: the only place that decodes, into RGB, uint8, (height, width, 3).

So it alone knows of colour order, orientation, alpha, bit depth and the like.

A file is judged by its first bytes, never by its name, and its header is read before its pixels: format,
size, mode and number of frames are checked against an `ImagePolicy` while nothing large is in memory yet.

decode_pixels     from files to RGB, the right way up
file_header       files opened by Pillow, and their headers
first_bytes       height and width, where the first bytes tell them; `probe` of any file
file_kinds        what a file is, by its first bytes and the end of its name
folder_listing    which files of a folder are images, and what else is there
image_info        what a header says, before pixels are read
image_policy      `ImagePolicy`: what to do with images that are not plain 8-bit RGB
opened_pixels     from files that Pillow opens first to RGB
orientation       which way up an image is
pair_orientation  whether HR and LR lie the same way
pixels            decoded images as arrays, and PNG files of them
plain_png         PNG files of 8-bit grey or RGB, which are most
stripes           the pixels of a file, a few rows at a time
to_rgb            from other modes to RGB: profile, then alpha
"""

from srdata.images.decode_pixels import decode_image, decode_with_header, read_image
from srdata.images.file_kinds import IMAGE_SUFFIXES
from srdata.images.first_bytes import probe
from srdata.images.folder_listing import (
    ImageListing,
    LeftOut,
    describe_left_out,
    list_folder,
    list_images,
    natural,
    printable,
)
from srdata.images.image_info import Channels, ImageInfo, admit
from srdata.images.image_policy import MOST_PIXELS, USUAL_PIXELS, ImagePolicy, read_policy
from srdata.images.pair_orientation import check_same_way
from srdata.images.pixels import TRANSPOSES, Pixels, encode_png, grey_plane, packed_share, turned, write_png

__all__ = [
    "IMAGE_SUFFIXES",
    "MOST_PIXELS",
    "TRANSPOSES",
    "USUAL_PIXELS",
    "Channels",
    "ImageInfo",
    "ImageListing",
    "ImagePolicy",
    "LeftOut",
    "Pixels",
    "admit",
    "check_same_way",
    "decode_image",
    "decode_with_header",
    "describe_left_out",
    "encode_png",
    "grey_plane",
    "list_folder",
    "list_images",
    "natural",
    "packed_share",
    "printable",
    "probe",
    "read_image",
    "read_policy",
    "turned",
    "write_png",
]
