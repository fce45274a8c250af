"""LMDB files: written whole, checked, and each opened once in a process.

basicsr_lmdb  the LMDB folders of BasicSR and its relatives
lmdb_file     writing and checking LMDB files
lmdb_pool     LMDB files open for reading, each once in a process
"""
