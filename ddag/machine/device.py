"""MindSpore's mode, target and seed, and what differs between its versions."""

from __future__ import annotations

import ctypes
import gc
import mmap
from contextlib import suppress
from pathlib import Path

import mindspore as ms
from mindspore import nn, ops

from ddag.machine import memory
from ddag.machine.errors import InputError, require

VERSION = ms.__version__
MODES = {"graph": ms.GRAPH_MODE, "pynative": ms.PYNATIVE_MODE}
# Options of mallopt, by glibc's malloc.h, and the largest value that the second of them takes.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MMAP_THRESHOLD_MAX = 32 << 20
KEPT = 128 << 20  # bytes


def configure(target: str, *, device_id: int, mode: str, seed: int, several: bool = False) -> None:
    """Set where and how this process computes; to be called before any network is built.

    What networks before held of compiled graphs and memory is given up: each would else keep some
    hundred MB to the end of the process. One that is still used compiles once more.

    Args:
        target: ``CPU``, ``GPU`` or ``Ascend``.
        device_id: which of several.
        mode: a key of ``MODES``.
        seed: of MindSpore's own random operations.
        several: whether this is one process of several, which it then meets.

    Raises:
        InputError: this machine or this MindSpore has no such device, or not for several processes.
    """
    if several:
        _refuse_exchange(mode)
    try:
        _set_target(target, device_id)
        if several:
            _meet()
        _probe(target)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"device.target={target}: MindSpore {VERSION} cannot use it here ({reason});"
            " use device=cpu, or install the wheel for the device"
        ) from error
    ms.set_context(mode=MODES[mode])
    ms.set_seed(seed)
    ms.ms_memory_recycle()
    _keep_freed_memory()
    # MindSpore 1.10 has no such function.
    if target == "CPU" and hasattr(getattr(ms, "mint", None), "empty"):
        _join_memory()
    if VERSION.startswith("1."):
        _forget_networks()


def schedule() -> None:
    """Be the process that the others of a run meet through; it returns when they have left."""
    _set_target("CPU", 0)
    _meet()


def compile(cell: nn.Cell, *inputs: ms.Tensor) -> None:
    """Compile a cell for such inputs ahead of its first call, where the mode is ``graph``.

    The compiler leaves some hundred MB of free memory in C's heap, in pieces that a graph's large
    tensors do not fit in. They go back to the system here.
    """
    if ms.get_context("mode") != ms.GRAPH_MODE:
        return
    cell.compile(*inputs)
    gc.collect()
    _call_glibc("malloc_trim", 0)


def reuse_compiled(folder: Path) -> None:
    """Load graphs that were compiled from ``folder``, and keep there those that were not."""
    if hasattr(ms, "set_device"):  # not tried on MindSpore < 2.5
        ms.set_context(enable_compile_cache=True, compile_cache_path=str(folder))


def compile_anew() -> None:
    """Undo ``reuse_compiled`` for the graphs that follow."""
    ms.set_context(enable_compile_cache=False)


def _keep_freed_memory() -> None:
    """Have C's heap keep up to ``KEPT`` of what is freed, for what is asked for next.

    A batch's images are 16 MB. Handed out anew by the system for each batch, they cost the input
    pipeline a tenth of its processor time.
    """
    _call_glibc("mallopt", M_MMAP_THRESHOLD, MMAP_THRESHOLD_MAX)
    _call_glibc("mallopt", M_TRIM_THRESHOLD, KEPT)


def _call_glibc(name: str, *arguments: int) -> None:
    """Call a function that only glibc has; with another C library nothing happens."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function:
        function(*arguments)


def _join_memory() -> None:
    """Give the pool of MindSpore's tensors one large stretch of memory to cut them from.

    Else the pool asks the system for a piece a tensor, and pieces of which each is too small for
    the next tensor lie idle. The stretch is half of the memory that is available; no page of it is
    taken before a tensor is written there. Where the system does not lend it, all goes on without.
    """
    size = memory.available() // 2
    if not size:  # not every system says it
        return
    # SystemError: functions outside of graphs, on MindSpore 2.10 beside NumPy 2.
    with suppress(OSError, RuntimeError, SystemError):
        # MindSpore would write an error to its log where the process may not have as much.
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE).close()
        ms.mint.empty(size, dtype=ms.uint8).data_ptr()  # done, and back in the pool at once


def _refuse_exchange(mode: str) -> None:
    """Refuse a mode in which this MindSpore cannot sum over processes.

    Raises:
        InputError: it is one.
    """
    only = f"in MindSpore {VERSION} processes exchange in graph mode only; use device.mode=graph"
    require(mode == "graph" or not VERSION.startswith("1."), "device.mode", mode, only)


def _meet() -> None:
    """Meet the other processes, as what ``machine.sharing`` names in the environment says."""
    from mindspore import communication  # here: it looks for what mpirun leaves there

    communication.init()


def _forget_networks() -> None:
    """Have MindSpore 1.10 not compute a second network's gradients by the first's in pynative."""
    from mindspore.common.api import _pynative_executor

    _pynative_executor.clear_res()


def _probe(target: str) -> None:
    """Fail where a device is not there: MindSpore 1.10 else does so at the first operation."""
    if target != "CPU":
        ops.add(ms.Tensor(1.0), ms.Tensor(1.0)).asnumpy()


def _set_target(target: str, device_id: int) -> None:
    if hasattr(ms, "set_device"):  # MindSpore >= 2.5; set_context(device_target=) is deprecated
        ms.set_device(target, device_id)
        return
    ms.set_context(device_target=target)
    if target != "CPU":
        ms.set_context(device_id=device_id)
