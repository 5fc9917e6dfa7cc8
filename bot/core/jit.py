"""Numba, configured once: cache keyed by all kernel sources, no GIL, IEEE arithmetic.

numba keys its on-disk cache by the file that holds a function, so a change in
a helper or a constant in *another* file would run stale machine code. The
cache folder is therefore named after a hash of every kernel source (each module
that compiles something, and what such a module imports of ours) and of the
numba and numpy versions; within it a kernel is found by module and line, so that
every installation of the same sources shares it. Import this module before numba.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

_KEPT = "__kept_compiled__"
_PACKAGE = Path(__file__).resolve().parents[1]
_MARK = "from bot.core.jit import"
_COMPILES = re.compile(r"^from bot\.core\.jit import .*\b(?:hot|njit|rare)\b", re.MULTILINE)
_IMPORTS = re.compile(r"^from bot\.([\w.]+) import (\([^)]*\)|.*)", re.MULTILINE)


def kernel_sources(package: Path = _PACKAGE) -> list[Path]:
    """Every module that compiles something, and all it imports (constants are compiled in); sorted."""
    sources = {path: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    named = {".".join(path.relative_to(package).parts).removesuffix(".py"): path for path in sources}
    found = {path for path, source in sources.items() if _MARK in source and _COMPILES.search(source)}
    waiting = list(found)
    while waiting:
        imported = {named[name] for name in _imported(sources[waiting.pop()]) if name in named}
        waiting += imported - found
        found |= imported
    return sorted(found)


def _imported(source: str) -> Iterator[str]:
    """Names that modules of the package may have which a source imports, or imports from."""
    for match in _IMPORTS.finditer(source):
        yield match[1]
        yield from (f"{match[1]}.{name}" for name in re.findall(r"\w+", match[2]))


def kernel_hash(package: Path = _PACKAGE) -> str:
    """Hash of all kernel sources and of what compiles them."""
    digest = blake2b(digest_size=8)
    for path in kernel_sources(package):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    for part in (version("numba"), version("numpy"), sys.implementation.cache_tag):
        digest.update(str(part).encode())
    return digest.hexdigest()


def cache_root() -> Path:
    """Per-user folder of compiled kernels: LOPSIDE_CACHE, XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("LOPSIDE_CACHE")
    if own:
        return Path(own) / "kernels"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lopside" / "kernels"


CACHE_DIR = cache_root() / kernel_hash()
os.environ["NUMBA_CACHE_DIR"] = str(CACHE_DIR)

import numba  # noqa: E402  (the cache folder must be named before numba is imported)
import numpy as np  # noqa: E402
from llvmlite import ir  # noqa: E402
from numba import types  # noqa: E402
from numba.core.caching import _CacheLocator  # noqa: E402
from numba.core.lowering import Lower  # noqa: E402
from numba.extending import intrinsic  # noqa: E402
from numba.np.arrayobj import populate_array  # noqa: E402


class KernelLocator(_CacheLocator):  # type: ignore[misc]
    """Where numba keeps a kernel of ours: the folder's name says what was compiled, wherever that lies.

    numba's own locators go by the path and the time of the source file.
    """

    def __init__(self, function: Any, folder: Path) -> None:
        self._py_file = function.__code__.co_filename  # numba's warnings name it
        self._lineno = function.__code__.co_firstlineno
        self._folder = folder

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return CACHE_DIR.name

    def get_disambiguator(self) -> str:
        return str(self._lineno)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> KernelLocator | None:
        """None for a function that is not of this package, and where nothing can be written."""
        folder = CACHE_DIR / py_func.__module__
        if not folder.name.startswith(f"{_PACKAGE.name}."):
            return None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return cls(py_func, folder) if os.access(folder, os.W_OK) else None


numba.config.CACHE_DIR = str(CACHE_DIR)  # type: ignore[attr-defined]
numba.config.CACHE_LOCATOR_CLASSES = (  # type: ignore[attr-defined]
    f"{__name__}.{KernelLocator.__name__},UserProvidedCacheLocator,InTreeCacheLocator,UserWideCacheLocator"
)

# Variables are kept in stack slots, as in debug mode, and LLVM finds out which parts of them live
# in registers. numba's own short cut hands whole tuples of arrays on as single values: the loop over
# a bare book then takes 1.4 times as long. A numba without this property is only slower.
Lower._disable_sroa_like_opt = property(lambda self: True)  # type: ignore[method-assign,assignment]


def njit(*args: Any, **options: Any) -> Any:
    """`numba.njit` with our settings.

    numba's cache does not tell apart two ways to compile one function: only the first way is kept.
    """
    settings = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}
    if args and callable(args[0]):
        settings["cache"] &= not hasattr(args[0], _KEPT)
        setattr(args[0], _KEPT, True)
        return numba.njit(**settings)(args[0])
    return numba.njit(*args, **settings)


def hot(function: Any) -> Any:
    """`njit` without reference counting and copied into its callers: for what runs on every row or message.

    Handing an array from one compiled function to the next costs about two
    nanoseconds and counting its references more; a hot function costs neither.
    It cannot allocate; numba refuses to compile one that does.
    """
    return njit(function, _nrt=False, forceinline=True)


def rare(function: Any) -> Any:
    """As `hot`, but called, not copied: for what is large and runs a few times a second at most."""
    return njit(function, _nrt=False)


def direct(compiled: Any, *like: Any) -> Callable[..., Any]:
    """A compiled function for arguments of the types of `like`, with which it is called once.

    Choosing by the types of the arguments takes half a microsecond, as long as reading a trade.
    Nothing is checked any more: arrays must be contiguous and of the same dtype.
    """
    compiled(*like)
    found: Callable[..., Any] = compiled.overloads[tuple(map(numba.typeof, like))].entry_point
    return found


_intrinsic: Any = intrinsic


@_intrinsic
def trailing_zeros(typingctx, word):  # type: ignore[no-untyped-def]
    """Index of the lowest set bit of a nonzero uint64."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), codegen


@_intrinsic
def leading_zeros(typingctx, word):  # type: ignore[no-untyped-def]
    """63 minus the index of the highest set bit of a nonzero uint64."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), codegen


@_intrinsic
def bit_count(typingctx, word):  # type: ignore[no-untyped-def]
    """Set bits of a uint64."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen


@_intrinsic
def word_at(typingctx, text, index):  # type: ignore[no-untyped-def]
    """Eight octets of `bytes` from an index on as an int64, the first lowest; all must be within."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        address = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(64).as_pointer())
        loaded = builder.load(address)
        loaded.align = 1
        return loaded

    return types.int64(text, types.int64), codegen


def array_at(dtype: Any) -> Any:
    """A compiled function (address, length) → the array of the dtype that lies there.

    Python hands over a number in a fifth of the time of an array. Nothing is checked: whoever gives the
    address keeps what lies there, contiguous and at least so long.
    """
    kind = types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C")

    @_intrinsic
    def array(typingctx, address, length):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            made = context.make_array(kind)(context, builder)
            data = builder.inttoptr(args[0], made.data.type)
            size = context.get_constant(types.intp, np.dtype(dtype).itemsize)
            populate_array(made, data, [args[1]], [size], size, meminfo=None)
            return made._getvalue()

        return kind(types.int64, types.int64), codegen

    return array


@_intrinsic
def prefetch(typingctx, array, index):  # type: ignore[no-untyped-def]
    """Ask for the cache line of array[index] without waiting for it; any index is harmless."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        pointer = ir.IntType(8).as_pointer()
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        address = builder.bitcast(builder.gep(data, [args[1]]), pointer)
        builder.call(ask, [address, word(0), word(3), word(1)])  # to read, keep, data
        return context.get_dummy_value()

    return types.void(array, index), codegen


def packed_bytes(value: Any) -> int:
    """Room that `pack` needs for a value: 8 octets for each number that describes an array, and some."""
    if isinstance(value, tuple):
        return sum(map(packed_bytes, value))
    return 8 * (5 + 2 * value.ndim)


@_intrinsic
def pack(typingctx, block, value):  # type: ignore[no-untyped-def]
    """Write where the arrays of a (named) tuple lie into `block`, uint8[packed_bytes(value)].

    The block is good as long as those arrays live; nobody else keeps them alive.
    """

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kind = context.get_value_type(value)
        builder.store(args[1], _address(context, builder, block, args[0], kind))
        return context.get_dummy_value()

    return types.void(block, value), codegen


def unpacks(example: Callable[[], Any]) -> Any:
    """A compiled function block → tuple, for blocks packed from values of the type of `example()`.

    Python hands over one array instead of all of them: each costs it about 60 ns and more to look at.
    """

    @_intrinsic
    def unpack(typingctx, block):  # type: ignore[no-untyped-def]
        value = numba.typeof(example())

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            kind = context.get_value_type(value)
            return _leaf_by_leaf(builder, _address(context, builder, block, args[0], kind), kind)

        return value(block), codegen

    return unpack


def _address(context: Any, builder: Any, block: Any, array: Any, kind: Any) -> Any:
    data = context.make_array(block)(context, builder, array).data
    return builder.bitcast(data, kind.as_pointer())


def _leaf_by_leaf(builder: Any, pointer: Any, kind: Any) -> Any:
    """Load a nested struct number by number: those that are not used cost nothing then."""
    if not isinstance(kind, ir.LiteralStructType | ir.IdentifiedStructType | ir.ArrayType):
        return builder.load(pointer)
    whole = ir.Constant(kind, ir.Undefined)
    elements = [kind.element] * kind.count if isinstance(kind, ir.ArrayType) else kind.elements
    index = ir.IntType(32)
    for n, element in enumerate(elements):
        inner = builder.gep(pointer, [index(0), index(n)], inbounds=True)
        whole = builder.insert_value(whole, _leaf_by_leaf(builder, inner, element), n)
    return whole
