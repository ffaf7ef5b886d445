"""What distinguishes the servers of one time from those of another.

"23ai" has the layout that was recorded from such a server. No 19c was recorded: what is said of it
below is inferred. Names of capabilities are those of python-oracledb's constants.
"""

from dataclasses import dataclass

FAST_AUTH = 0x10000000
END_OF_RESPONSE = 0x02000000

# Compile capabilities: where they are, and what is in them.
FIELD_VERSION = 7
TWO_BYTE_TYPES = 27
TTC3 = 37
TTC4 = 40
_TTC5 = 44
LONG_TIME_ZONE = 0x02  # in TTC3: four more bytes
ENDS_RESPONSES = 0x20  # in TTC4
_TOKENS, _PIPELINES = 0x02, 0x04

# Runtime capabilities, likewise.
TIME_ZONE = 1

# Where recorded bytes have more bits than these, what they announce is not implemented: pools on
# the server (5, 31), queues (9), LOBs (23, 42), implicit results and logical transaction
# identifiers (37), notifications and request boundaries (40), vectors and sessionless transactions
# (44, 51, 52), or it is not known what they announce (4, 15, 16, 25, 26, 35, 36, 39, 41).
_COMPILE_CAPS = {
    0: 6,  # SQL version
    **dict.fromkeys((1, 2, 3), 1),
    4: 0x08 | 0x02 | 0x20 | 0x40 | 0x80,  # logons by session keys, long names and passwords
    6: 1,
    **dict.fromkeys((8, 10, 11, 12, 13, 14), 1),  # 8: conversion of defines
    15: 0x20 | 0x01,  # TTC1: bit vectors, the status at the end of a call
    16: 0x10,  # OCI1: module, action and client identifier ahead of a request
    17: 3,  # TDS version
    18: 0x10,  # RPC version
    19: 3,  # RPC signature
    20: 3,
    21: 1,  # DBF version
    22: 1,
    24: 1,
    26: 0x04,  # TTC2
    TWO_BYTE_TYPES: 1,
    28: 0x0D,
    29: 1,
    30: 1,
    32: 1,
    33: 6,
    34: 12,  # client functions
    TTC3: 0x20 | LONG_TIME_ZONE,  # large chunks
    38: 5,
}

# The first is the compatibility, 1 the time zone, 6 that 32 KB of a bind stay inline.
_RUNTIME_CAPS = bytes([2, 1, 0, 1, 0x18, 0, 0x04, 1, 2, 0, 0, 0])


@dataclass(frozen=True)
class Generation:
    """A server's versions, what it can do and what it calls itself."""

    tns_version: int
    field_version: int
    flags: int
    compile_caps: bytes
    runtime_caps: bytes
    banner: str
    version_number: int

    @property
    def ends_responses(self) -> bool:
        """Whether responses may have an explicit end: the client has its say in it, too."""
        return bool(self.flags & END_OF_RESPONSE)

    @property
    def knows_except(self) -> bool:
        """Whether the SQL has EXCEPT beside MINUS, as it has from 21c on."""
        return self.version_number >> 24 >= 21


def _compile_caps(size: int, field_version: int, more: dict[int, int]) -> bytes:
    caps = bytearray(size)
    for position, value in (_COMPILE_CAPS | more | {FIELD_VERSION: field_version}).items():
        caps[position] = value
    return bytes(caps)


_PIPELINING = {TTC4: ENDS_RESPONSES, _TTC5: _TOKENS | _PIPELINES}

GENERATIONS = {
    # Inferred: the protocol version, the sizes. Recorded: 12.1 has 40 and 7 bytes, 23ai 53 and 12,
    # and python-oracledb reads byte 40 of any server's.
    "19c": Generation(
        318,
        12,
        0,
        _compile_caps(42, 12, {}),
        _RUNTIME_CAPS[:11],
        "Oracle 19c (stand-in)",
        19 << 24 | 22 << 16,
    ),
    "23ai": Generation(
        319,
        24,
        FAST_AUTH | END_OF_RESPONSE,
        _compile_caps(53, 24, _PIPELINING),
        _RUNTIME_CAPS,
        "Oracle 23ai (stand-in)",
        23 << 24 | 6 << 16,
    ),
}


@dataclass(frozen=True)
class Terms:
    """What a client and its server have agreed on once the data types request is read.

    `version` is of fields; messages have one of their own where the client knows them in an older
    layout, which is inferred from the structures that clients list among their data types.
    """

    version: int
    error_version: int
    column_version: int
    universal_scale: bool = False
    prefixed_text: bool = True
    ends_responses: bool = False

    @classmethod
    def before_data_types(cls, version: int) -> "Terms":
        return cls(version, version, version)
