"""One client's conversation: negotiation, login, then requests until it goes."""

import logging
import re
import secrets
import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from oracle_standin import messages
from oracle_standin.auth import Account, Login
from oracle_standin.calls import Calls
from oracle_standin.conversation import Conversation, Reply
from oracle_standin.errors import OraError
from oracle_standin.faults import Faults
from oracle_standin.generations import Generation
from oracle_standin.packets import BreakError, Channel, DisconnectedError, Packet
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
_FAST_AUTH_VERSION = 13
_MESSAGE_PIGGYBACK, _MESSAGE_FUNCTION, _MESSAGE_FAST_AUTH = 0x11, 0x03, 0x22
_MESSAGE_PROTOCOL, _MESSAGE_DATA_TYPES = 1, 2


class Server(Protocol):
    """What a session wants from its server."""

    service_name: str
    unique_id: str
    faults: Faults
    generation: Generation

    def account(self, user: str) -> Account | None: ...

    def count_login(self) -> None: ...

    def open_store(self, user: str, is_interrupted: Callable[[], bool]) -> Store: ...


class Session:
    def __init__(self, channel: Channel, server: Server) -> None:
        self._channel = channel
        self._server = server
        self._generation = server.generation
        self._conversation = Conversation(channel, server.generation)
        self._reader = self._conversation.reader
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
            if self._channel.is_interrupted():
                self._conversation.break_off()
            else:
                self._conversation.send(reply)
        except BreakError:
            self._conversation.break_off()

    def _read_and_answer(self) -> Reply:
        while (message := self._reader.u8()) == _MESSAGE_PIGGYBACK:
            self._piggyback()
        if message == _MESSAGE_PROTOCOL:
            return Reply(self._protocol())
        if message == _MESSAGE_DATA_TYPES:
            return Reply(self._data_types())
        if message == _MESSAGE_FAST_AUTH:
            return self._fast_auth()
        if message != _MESSAGE_FUNCTION:
            raise DisconnectedError(f"message {message} is not understood")
        return self._function(self._conversation.function_code())

    def _piggyback(self) -> None:
        ahead = read_piggyback(self._reader, self._conversation.function_code())
        if self._calls:
            self._calls.prepare(ahead)

    def _protocol(self) -> bytes:
        skip_protocol(self._reader)
        return messages.protocol(self._generation)

    def _data_types(self) -> bytes:
        wanted = read_data_types(self._reader)
        self._conversation.agree(wanted.terms(self._generation))
        return messages.data_types(wanted.time_zone, wanted.types)

    def _fast_auth(self) -> Reply:
        """Protocol, data types and the first phase of the login in one request."""
        self._reader.raw(3)
        self._reader.u8()
        answers = self._protocol()
        self._reader.raw(6)
        self._reader.u8()
        answers += self._data_types()
        self._reader.u8()
        # Not the version that was just agreed on.
        self._conversation.function_code(_FAST_AUTH_VERSION)
        return Reply(answers + self._login_phase_one().body)

    def _function(self, code: int) -> Reply:
        match code:
            case Function.LOGIN_PHASE_ONE:
                return self._login_phase_one()
            case Function.LOGIN_PHASE_TWO:
                return self._login_phase_two()
            case Function.LOGOFF:
                return Reply(messages.status(self._conversation.call_end()))
        if self._calls is None:
            raise DisconnectedError("not logged in")
        return self._calls.answer(code)

    # -- login -------------------------------------------------------------------------------

    def _login_phase_one(self) -> Reply:
        self._user, _ = read_login(self._reader)
        self._login = Login(self._server.account(self._user))
        # The zero byte is part of the name, as recorded from 23ai.
        database = {"AUTH_GLOBALLY_UNIQUE_DBID\0": (self._server.unique_id, 0)}
        return self._with_parameters(self._login.challenge() | database)

    def _login_phase_two(self) -> Reply:
        _, answer = read_login(self._reader)
        if self._login is None:
            raise DisconnectedError("no first phase")
        self._server.count_login()
        try:
            response = self._login.prove(answer)
            self._server.faults.raise_refused_login()
        except OraError as error:
            self._conversation.send(self._conversation.failure(error))
            raise DisconnectedError from error
        self._calls = Calls(self._conversation, self._server, self._user)
        pairs = self._session_parameters() | {"AUTH_SVR_RESPONSE": response}
        return self._with_parameters({key: (value, 0) for key, value in pairs.items()})

    def _with_parameters(self, pairs: Mapping[str, tuple[str, int]]) -> Reply:
        """Both phases end with ERROR, code 0, as recorded from 23ai."""
        terms, end = self._conversation.terms, self._conversation.call_end()
        return Reply(messages.parameters(pairs) + messages.completion(terms.error_version, end))

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
