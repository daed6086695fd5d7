"""The .npy files beside this script, as NumPy writes them; needed only to make them again."""
import numpy as np
from numpy.lib import format

table = np.array([[1.5, -2.0], [0.1, 3e-300], [-7.0, 1e10]])


def save(name, array, version=(1, 0)):
    with open(name, "wb") as file:
        format.write_array(file, array, version=version)


save("c-f8.npy", table)
save("fortran-f8-v2.npy", np.asfortranarray(table), (2, 0))
save("big-f4-v3.npy", table[:, ::-1].astype(">f4"), (3, 0))
save("fortran-big-f8.npy", np.asfortranarray(table.astype(">f8")))
save("line-f4.npy", np.arange(5, dtype="<f4") / 4)
save("int.npy", np.arange(6).reshape(3, 2))
save("objects.npy", np.array([[1, "a"]], dtype=object))
save("records.npy", np.zeros(3, dtype=[("a", "<f8"), ("b", "<f4")]))
save("cube.npy", np.zeros((2, 2, 2)))
save("scalar.npy", np.array(1.0))
save("empty.npy", np.zeros((0, 2)))
save("nan.npy", np.array([[0.0, 1.0], [np.nan, 2.0]]))

# Law N((1, -1), diag(1, 4)), as a program of float32 would leave it.
draws = np.random.default_rng(7).normal([1.0, -1.0], [1.0, 2.0], size=(4000, 2))
save("normal.npy", np.asfortranarray(draws.astype("<f4")))
print(draws.astype("<f4").astype("f8").mean(0), draws.astype("<f4").astype("f8").var(0, ddof=1))
