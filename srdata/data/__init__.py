"""What training reads: data sets over prepared sets, folders and LMDB pairs."""
