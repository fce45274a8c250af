"""Crops: which region of an image, read, padded, turned, as tensors.

drawn_crops    the crops of a batch, drawn and not read yet
indexed_crops  crops of pixels on a device, by the places of rows and columns
padding        crops whose image is too small for them, or that reach beyond its border
read_crops     crops read from a source, padded and turned as they were drawn
reduced_crops  crops that are larger than the patch, reduced to it
regions        the items of a data set, and the crop that an epoch takes from each
to_tensor      8-bit levels as tensors
whole_pairs    whole images of a source, kept from the first time that one is read
"""
