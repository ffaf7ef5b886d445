"""The layout of the messages: fields, lengths, flags, as real servers were recorded to send them."""

import struct

from oracle_standin import messages


def test_accept_is_laid_out_as_recorded_from_23ai() -> None:
    body = messages.accept(319, 8192, 0x12000000)

    assert len(body) == 61 - 8  # the packet's header
    version, options, *small_sizes = struct.unpack_from(">HHHH", body)
    assert (version, options, small_sizes) == (319, 1, [0, 0])
    byte_order, data_length, data_offset = struct.unpack_from(">HHH", body, 8)
    assert (byte_order, data_length, data_offset) == (0x0100, 0, 61)
    assert struct.unpack_from(">II", body, 24) == (8192, 8192)  # SDU, TDU
    assert body[32] == 0
    assert struct.unpack_from(">I", body, 33) == (0x12000000,)


def test_accept_keeps_clients_from_negotiating_native_network_services() -> None:
    wanted, negotiated = messages.accept(318, 8192, 0)[14:16]

    assert not wanted & 0x10  # native encryption is not demanded
    assert negotiated & 0x08
