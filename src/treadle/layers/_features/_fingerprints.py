"""FarmHash's 64-bit fingerprint and SipHash-2-4, for many strings at once: the hashes that TensorFlow's layers use.

Strings of one length are hashed together, as columns of unsigned 64-bit integers, whose overflow is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Words = np.ndarray  # of uint64, one for each string
_Bytes = np.ndarray  # (strings, length) of uint8

_K0, _K1, _K2 = (
    np.uint64(number) for number in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F)
)
_CROSS_KEY = np.uint64(0xDECAFCAFFE)
_CROSS_FACTOR = np.uint64(0xC6A4A7935BD1E995)


def fingerprints(texts: Sequence[bytes], salt: tuple[int, int] | None = None) -> Words:
    """Return a hash for each text: FarmHash's fingerprint, or SipHash with the key `salt`."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    found = np.empty(len(texts), np.uint64)
    for length in np.unique(lengths):
        where = np.flatnonzero(lengths == length)
        joined = b"".join([texts[i] for i in where.tolist()])
        data = np.frombuffer(joined, np.uint8).reshape(len(where), int(length))
        found[where] = _farm(data) if salt is None else _sip(data, salt)
    return found


def cross(columns: Sequence[Words]) -> Words:
    """Return one hash for the hashes of several columns, in their order."""
    result = np.full(len(columns[0]), _CROSS_KEY)
    for column in columns:
        result = (result ^ _CROSS_FACTOR) ^ (_mixed(column * _CROSS_FACTOR) * _CROSS_FACTOR)
        result = _mixed(_mixed(result * _CROSS_FACTOR) * _CROSS_FACTOR)
    return result


def _word(data: _Bytes, start: int, size: int = 8) -> Words:
    """Return `size` bytes from `start` on (or from the end, for a negative start) as little-endian integers."""
    start = start if start >= 0 else data.shape[1] + start
    part = np.zeros((len(data), 8), np.uint8)
    part[:, :size] = data[:, start : start + size]
    return part.view("<u8")[:, 0].astype(np.uint64)


def _rotated(word: Words, right: int) -> Words:
    return (word >> np.uint64(right)) | (word << np.uint64(64 - right))


def _mixed(word: Words) -> Words:
    return word ^ (word >> np.uint64(47))


# ---- FarmHash (farmhashna), by length


def _farm(data: _Bytes) -> Words:
    length = data.shape[1]
    if length > 64:
        return _over_64(data)
    if length > 32:
        return _up_to_64(data)
    return _up_to_32(data) if length > 16 else _up_to_16(data)


def _joined(u: Words, v: Words, factor: Words | np.uint64) -> Words:
    a = _mixed((u ^ v) * factor)
    return _mixed((v ^ a) * factor) * factor


def _factor(length: int) -> np.uint64:
    return np.uint64((int(_K2) + 2 * length) % 2**64)


def _up_to_16(data: _Bytes) -> Words:
    length = data.shape[1]
    factor = _factor(length)
    if length >= 8:
        a, b = _word(data, 0) + _K2, _word(data, -8)
        return _joined(_rotated(b, 37) * factor + a, (_rotated(a, 25) + b) * factor, factor)
    if length >= 4:
        first = np.uint64(length) + (_word(data, 0, 4) << np.uint64(3))
        return _joined(first, _word(data, -4, 4), factor)
    if length == 0:
        return np.full(len(data), _K2)
    first, middle, last = (data[:, i].astype(np.uint64) for i in (0, length // 2, length - 1))
    y = first + (middle << np.uint64(8))
    z = np.uint64(length) + (last << np.uint64(2))
    return _mixed((y * _K2) ^ (z * _K0)) * _K2


def _up_to_32(data: _Bytes) -> Words:
    factor = _factor(data.shape[1])
    a, b = _word(data, 0) * _K1, _word(data, 8)
    c, d = _word(data, -8) * factor, _word(data, -16) * _K2
    first = _rotated(a + b, 43) + _rotated(c, 30) + d
    return _joined(first, a + _rotated(b + _K2, 18) + c, factor)


def _up_to_64(data: _Bytes) -> Words:
    factor = _factor(data.shape[1])
    a, b = _word(data, 0) * _K2, _word(data, 8)
    c, d = _word(data, -8) * factor, _word(data, -16) * _K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _joined(y, a + _rotated(b + _K2, 18) + c, factor)
    e, f = _word(data, 16) * factor, _word(data, 24)
    g, h = (y + _word(data, -32)) * factor, (z + _word(data, -24)) * factor
    first = _rotated(e + f, 43) + _rotated(g, 30) + h
    return _joined(first, e + _rotated(f + a, 18) + g, factor)


class _Long:
    """The seven words that a long string is mixed into, 64 bytes at a time."""

    def __init__(self, data: _Bytes) -> None:
        count, seed = len(data), 81
        self.data = data
        self.x = np.full(count, seed, np.uint64) * _K2 + _word(data, 0)
        self.y = np.full(count, (seed * int(_K1) + 113) % 2**64, np.uint64)
        self.z = _mixed(self.y * _K2 + np.uint64(113)) * _K2
        self.v = self.w = (np.zeros(count, np.uint64), np.zeros(count, np.uint64))

    def absorb(self, at: int, factor: Words | np.uint64, last: bool) -> None:
        """Mix in the 64 bytes from `at` on."""
        nine = np.uint64(9 if last else 1)
        v, w = self.v, self.w
        x = _rotated(self.x + self.y + v[0] + self._word(at + 8), 37) * factor
        y = _rotated(self.y + v[1] + self._word(at + 48), 42) * factor
        x = x ^ (w[1] * nine)
        y = y + v[0] * nine + self._word(at + 40)
        z = _rotated(self.z + w[0], 33) * factor
        self.v = self._weak(at, v[1] * factor, x + w[0])
        self.w = self._weak(at + 32, z + w[1], y + self._word(at + 16))
        self.x, self.y, self.z = z, y, x

    def _word(self, at: int) -> Words:
        return _word(self.data, at)

    def _weak(self, at: int, a: Words, b: Words) -> tuple[Words, Words]:
        first, second, third, fourth = (self._word(at + step) for step in (0, 8, 16, 24))
        a = a + first
        b = _rotated(b + a + fourth, 21)
        total = a + second + third
        return total + fourth, b + _rotated(total, 44) + a


def _over_64(data: _Bytes) -> Words:
    length = data.shape[1]
    state = _Long(data)
    for at in range(0, (length - 1) // 64 * 64, 64):
        state.absorb(at, _K1, last=False)
    factor = _K1 + ((state.z & np.uint64(0xFF)) << np.uint64(1))
    w = state.w[0] + np.uint64((length - 1) & 63)
    v = state.v[0] + w
    state.v, state.w = (v, state.v[1]), (w + v, state.w[1])
    state.absorb(length - 64, factor, last=True)
    first = _joined(state.v[0], state.w[0], factor) + _mixed(state.y) * _K0 + state.z
    return _joined(first, _joined(state.v[1], state.w[1], factor) + state.x, factor)


# ---- SipHash-2-4


def _sip(data: _Bytes, key: tuple[int, int]) -> Words:
    count, length = data.shape
    k = [np.uint64(part % 2**64) for part in key]
    state = [
        np.full(count, k[position % 2] ^ np.uint64(constant))
        for position, constant in enumerate(
            (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
        )
    ]
    whole = length // 8 * 8
    words = [_word(data, at) for at in range(0, whole, 8)]
    rest = _word(data, whole, length - whole) if length > whole else np.zeros(count, np.uint64)
    for word in [*words, rest | np.uint64((length & 0xFF) << 56)]:
        state[3] = state[3] ^ word
        _sip_rounds(state, 2)
        state[0] = state[0] ^ word
    state[2] = state[2] ^ np.uint64(0xFF)
    _sip_rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_rounds(state: list[Words], rounds: int) -> None:
    for _ in range(rounds):
        a, b, c, d = state
        a, c = a + b, c + d
        b, d = _rotated(b, 64 - 13) ^ a, _rotated(d, 64 - 16) ^ c
        a, c = _rotated(a, 32) + d, c + b
        b, d = _rotated(b, 64 - 17) ^ c, _rotated(d, 64 - 21) ^ a
        state[:] = [a, b, _rotated(c, 32), d]


Hash = Callable[[Sequence[bytes]], Words]
