"""Deterministic stand-in weights and inputs for the reference figures in this folder.

A full DDAG network has about 100 MB of parameters, so the figures here were not
recorded from stored weights. Every tensor is instead a pure function of its name in
the original network's ``state_dict``, its shape and a seed; whoever has the name and
the shape can rebuild it bit for bit with NumPy alone.
"""

import zlib

import numpy as np


def tensor(name, shape, seed=0):
    """Return the float32 array that stands for parameter or buffer `name`."""
    rng = np.random.RandomState(zlib.crc32(f"{seed}:{name}".encode()) & 0x7FFFFFFF)
    shape = tuple(shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "running_mean":
        return (0.1 * rng.randn(*shape)).astype(np.float32)
    if leaf == "running_var":
        return (1.0 + 0.2 * rng.rand(*shape)).astype(np.float32)
    if leaf == "gate":
        return (0.3 * rng.randn(*shape)).astype(np.float32)
    if len(shape) >= 2:  # convolution, dense and graph matrices
        # graph attention: (in, out); others: (out, in, ...)
        fan_in = shape[0] if leaf in ("W", "a") else int(np.prod(shape[1:]))
        scale = 0.15 if ".fc1" in name or ".fc2" in name else 1.0
        return (scale * rng.randn(*shape) / np.sqrt(fan_in)).astype(np.float32)
    if leaf == "bias":
        return (0.05 * rng.randn(*shape)).astype(np.float32)
    return (0.8 + 0.2 * rng.rand(*shape)).astype(np.float32)  # normalisation gains


def images(tag, shape, seed=0):
    """Return a float32 batch (N, 3, H, W) that stands for normalised images.

    Blocks of 12 x 12 pixels of one value each, plus noise: H and W are multiples of 12.
    """
    rng = np.random.RandomState(zlib.crc32(f"{seed}:images:{tag}".encode()) & 0x7FFFFFFF)
    n, channels, height, width = shape
    blocks = 1.5 * rng.randn(n, channels, height // 12, width // 12)
    tint = rng.randn(n, channels, 1, 1)
    noise = 0.2 * rng.randn(*shape)
    return (np.kron(blocks, np.ones((12, 12))) + tint + noise).astype(np.float32)
