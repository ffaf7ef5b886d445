"""One client's conversation: negotiation, login, then requests until it goes."""

import logging
import re
import secrets
import struct
from dataclasses import dataclass
from typing import Protocol

from oracle_standin import messages
from oracle_standin.auth import Account, Login
from oracle_standin.calls import Calls
from oracle_standin.errors import OraError
from oracle_standin.faults import Faults
from oracle_standin.packets import (
    END_OF_RESPONSE,
    BreakError,
    Channel,
    DisconnectedError,
    Marker,
    Packet,
    Reader,
)
from oracle_standin.requests import (
    Function,
    read_data_types,
    read_login,
    read_piggyback,
    skip_protocol,
)
from oracle_standin.store import Store

_log = logging.getLogger(__name__)

_MOST_SDU = 2**17
_FAST_AUTH = 0x10000000
_END_OF_RESPONSE = 0x02000000
_FAST_AUTH_VERSION = 13
_MESSAGE_PIGGYBACK, _MESSAGE_FUNCTION, _MESSAGE_FAST_AUTH = 0x11, 0x03, 0x22
_MESSAGE_PROTOCOL, _MESSAGE_DATA_TYPES = 1, 2
_TOKEN_SINCE = 18


@dataclass(frozen=True)
class Generation:
    """What distinguishes the servers of one time from those of another."""

    tns_version: int
    field_version: int
    flags: int
    banner: str
    version_number: int

    @property
    def ends_responses(self) -> bool:
        return bool(self.flags & _END_OF_RESPONSE)


GENERATIONS = {
    "19c": Generation(318, 12, 0, "Oracle 19c (stand-in)", 19 << 24 | 22 << 16),
    "23ai": Generation(
        319, 24, _FAST_AUTH | _END_OF_RESPONSE, "Oracle 23ai (stand-in)", 23 << 24 | 6 << 16
    ),
}


class Server(Protocol):
    """What a session wants from its server."""

    service_name: str
    faults: Faults
    generation: Generation

    def account(self, user: str) -> Account | None: ...

    def count_login(self) -> None: ...

    def open_store(self, user: str) -> Store: ...


class Session:
    def __init__(self, channel: Channel, server: Server) -> None:
        self._channel = channel
        self._reader = Reader(channel)
        self._server = server
        self._generation = server.generation
        self._version = server.generation.field_version
        self._login: Login | None = None
        self._user = ""
        self._calls: Calls | None = None

    def run(self) -> None:
        """Until the client goes, or is sent away."""
        try:
            if self._connect():
                while True:
                    self._answer_next()
        except DisconnectedError:
            pass
        except (struct.error, UnicodeDecodeError) as error:
            _log.warning("a client sent what is no request: %s", error)
        finally:
            if self._calls:
                self._calls.store.close()

    # -- connecting --------------------------------------------------------------------------

    def _connect(self) -> bool:
        kind, body = self._channel.receive()
        if kind != Packet.CONNECT:
            return False
        text = self._connect_text(body)
        code = self._server.faults.refusal() or self._refusal(text)
        if code:
            reason = (
                f"(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR={code})"
                f"(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))"
            ).encode()
            self._channel.send(Packet.REFUSE, struct.pack(">BBH", 0, 0, len(reason)) + reason)
            return False
        version, sdu = struct.unpack_from(">H", body)[0], struct.unpack_from(">I", body, 50)[0]
        self._accept(min(version, self._generation.tns_version), min(sdu, _MOST_SDU))
        return True

    def _connect_text(self, body: bytes) -> str:
        length, offset = struct.unpack_from(">HH", body, 16)
        data = body[offset - 8 : offset - 8 + length]
        if len(data) < length:  # long ones come in a DATA packet of their own
            data = self._channel.receive()[1][2:]
        return data.decode()

    def _refusal(self, text: str) -> int | None:
        if found := re.search(r"\(SERVICE_NAME=([^)]*)\)", text, re.IGNORECASE):
            is_known = found[1].upper() == self._server.service_name.upper()
            return None if is_known else 12514
        return 12505 if re.search(r"\(SID=", text, re.IGNORECASE) else 12504

    def _accept(self, version: int, sdu: int) -> None:
        self._channel.send(Packet.ACCEPT, messages.accept(version, sdu, self._generation.flags))
        self._channel.sdu = sdu
        self._channel.wide_lengths = True

    # -- requests ----------------------------------------------------------------------------

    def _answer_next(self) -> None:
        try:
            reply = self._read_and_answer()
            if self._channel.has_input():
                self._break_off()
            else:
                self._send(reply)
        except BreakError:
            self._break_off()

    def _break_off(self) -> None:
        """The client wants the call to end: agree on it by markers, then say ORA-01013."""
        self._channel.send_marker(Marker.BREAK)
        while True:
            kind, body = self._channel.receive()
            if kind == Packet.MARKER and body[2] == Marker.RESET:
                break
        self._reader.discard()
        self._channel.send_marker(Marker.RESET)
        self._send(messages.completion(self._version, error=OraError(1013)))

    def _send(self, reply: bytes) -> None:
        if self._generation.ends_responses:
            self._channel.send_data(
                reply + messages.END_OF_RESPONSE_MESSAGE, last_flags=END_OF_RESPONSE
            )
        else:
            self._channel.send_data(reply)

    def _read_and_answer(self) -> bytes:
        while (message := self._reader.u8()) == _MESSAGE_PIGGYBACK:
            self._piggyback()
        if message == _MESSAGE_PROTOCOL:
            return self._protocol()
        if message == _MESSAGE_DATA_TYPES:
            return self._data_types()
        if message == _MESSAGE_FAST_AUTH:
            return self._fast_auth()
        if message != _MESSAGE_FUNCTION:
            raise DisconnectedError(f"message {message} is not understood")
        return self._function(self._function_code(self._version))

    def _function_code(self, version: int) -> int:
        code = self._reader.u8()
        self._reader.u8()
        if version >= _TOKEN_SINCE:
            self._reader.universal()
        return code

    def _piggyback(self) -> None:
        closed, schema = read_piggyback(self._reader, self._function_code(self._version))
        if self._calls:
            self._calls.close_cursors(closed)
            if schema:
                self._calls.store.schema = schema.upper()

    def _protocol(self) -> bytes:
        skip_protocol(self._reader)
        return messages.protocol(self._generation.field_version, self._generation.banner)

    def _data_types(self) -> bytes:
        version = read_data_types(self._reader)
        self._version = min(version, self._generation.field_version)
        return messages.data_types()

    def _fast_auth(self) -> bytes:
        """Protocol, data types and the first phase of the login in one request."""
        self._reader.raw(3)
        self._reader.u8()
        reply = self._protocol()
        self._reader.raw(6)
        self._reader.u8()
        reply += self._data_types()
        self._reader.u8()
        self._function_code(_FAST_AUTH_VERSION)  # not the version that was just agreed on
        return reply + self._login_phase_one()

    def _function(self, code: int) -> bytes:
        match code:
            case Function.LOGIN_PHASE_ONE:
                return self._login_phase_one()
            case Function.LOGIN_PHASE_TWO:
                return self._login_phase_two()
            case Function.LOGOFF:
                return messages.status(in_transaction=False)
        if self._calls is None:
            raise DisconnectedError("not logged in")
        return self._calls.answer(code)

    # -- login -------------------------------------------------------------------------------

    def _login_phase_one(self) -> bytes:
        self._user, _ = read_login(self._reader)
        self._login = Login(self._server.account(self._user))
        challenge = messages.parameters(self._login.challenge())
        return challenge + messages.status(in_transaction=False)

    def _login_phase_two(self) -> bytes:
        _, answer = read_login(self._reader)
        if self._login is None:
            raise DisconnectedError("no first phase")
        self._server.count_login()
        try:
            response = self._login.prove(answer)
            self._server.faults.raise_refused_login()
        except OraError as error:
            self._send(messages.completion(self._version, error=error))
            raise DisconnectedError from error
        self._calls = Calls(self._channel, self._reader, self._version, self._server, self._user)
        pairs = self._session_parameters() | {"AUTH_SVR_RESPONSE": response}
        return messages.parameters(
            {key: (value, 0) for key, value in pairs.items()}
        ) + messages.status(in_transaction=False)

    def _session_parameters(self) -> dict[str, str]:
        return {
            "AUTH_VERSION_NO": str(self._generation.version_number),
            "AUTH_SESSION_ID": str(secrets.randbelow(60000) + 1),
            "AUTH_SERIAL_NUM": str(secrets.randbelow(60000) + 1),
            "AUTH_MAX_OPEN_CURSORS": "300",
            "AUTH_MAX_IDEN_LENGTH": "128",
            "AUTH_SC_SERVICE_NAME": self._server.service_name,
            "AUTH_SC_DBUNIQUE_NAME": self._server.service_name,
            "AUTH_INSTANCENAME": self._server.service_name,
        }
