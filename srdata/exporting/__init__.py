"""Prepared sets in the forms of other training code.

escaped_keys  keys that a form cannot hold
export_set    `export`: a set in the form that is asked for
hdf5          HDF5 files as super-image's
samples       the images that leave a set, whole or cut, encoded
set_names     what a set is called outside
sinks         where samples go, by form
webdataset    WebDataset's tars
"""
