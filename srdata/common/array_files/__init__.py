"""Files of numbers that other programs wrote, read within bounds: nothing in them is run.

hdf5_file   HDF5 files, which need h5py
mat_file    arrays of numbers out of .mat files
npy_file    arrays of numbers in .npy and .npz files
tensor_file  one tensor in a .npy, .pt or .safetensors file
"""
