"""Prepared sets in the forms of other training code.

export_set        `export`: a set in the form that is asked for
samples           the images that leave a set, whole or cut, encoded; `publish` takes them here too
folder_forms      BasicSR's LMDBs, EDSR's and KAIR's folders
super_image_hdf5  HDF5 files as super-image's
tar_shards        WebDataset's tars
escaped_keys      keys that a form cannot hold
set_names         what a set is called outside
"""
