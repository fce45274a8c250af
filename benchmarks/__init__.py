"""How fast srdata is, measured beside its peers on the same images; see README.md."""

import os

# numpy's linear algebra reads these when it is imported, which every module here does only after this one.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
