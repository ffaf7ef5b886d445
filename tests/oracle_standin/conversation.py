"""One client's stream: what was agreed on, and how responses, errors and breaks go over it."""

from dataclasses import dataclass

from oracle_standin import messages
from oracle_standin.errors import OraError
from oracle_standin.generations import Generation, Terms
from oracle_standin.messages import CallEnd
from oracle_standin.packets import END_OF_RESPONSE, Channel, Marker, Packet, Reader

_SEQUENCES = 0xFFFF
_TOKEN_SINCE = 18


@dataclass(frozen=True)
class Reply:
    """The messages of a response; `fails`: they say that the call failed."""

    body: bytes
    fails: bool = False


class Conversation:
    """What a session and its calls share."""

    def __init__(self, channel: Channel, generation: Generation) -> None:
        self.channel = channel
        self.reader = Reader(channel)
        self.terms = Terms.before_data_types(generation.field_version)
        self._call = 0
        self._token = 0
        self._sequence = 0

    def agree(self, terms: Terms) -> None:
        """These hold from here on."""
        self.terms = terms
        self.reader.prefixed_text = terms.prefixed_text

    def function_code(self, version: int | None = None) -> int:
        """A function's header, behind its message type; `version`: of fields, where another."""
        code = self.reader.u8()
        self._call = self.reader.u8()
        has_token = (version or self.terms.version) >= _TOKEN_SINCE
        self._token = self.reader.universal() if has_token else 0
        return code

    def call_end(self, *, in_transaction: bool = False) -> CallEnd:
        """What to say at the end of this call."""
        self._sequence = self._sequence % _SEQUENCES + 1
        return CallEnd(self._sequence, self._call, in_transaction)

    def failure(
        self,
        error: OraError,
        *,
        cursor_id: int = 0,
        sql_type: int = 0,
        in_transaction: bool = False,
    ) -> Reply:
        end = self.call_end(in_transaction=in_transaction)
        return Reply(
            messages.completion(
                self.terms.error_version, end, cursor_id=cursor_id, error=error, sql_type=sql_type
            ),
            fails=True,
        )

    def send(self, reply: Reply) -> None:
        """Send a response.

        One that fails is announced by markers, as recorded from 10.2. It is inferred that all do so
        whose responses have no explicit end; a recorded 23ai whose responses have one does not.
        """
        if reply.fails and not self.terms.ends_responses:
            self._reset()
        self._send(reply.body)

    def break_off(self) -> None:
        """The client wants its call to end: agree on it by markers, then say ORA-01013."""
        self._reset()
        self._send(self.failure(OraError(1013)).body)

    def _reset(self) -> None:
        """What was under way is void for both sides; recorded from 10.2 in this order."""
        self.channel.send_markers(Marker.BREAK, Marker.RESET)
        while True:
            kind, body = self.channel.receive()
            if kind == Packet.MARKER and body[2] == Marker.RESET:
                break
        self.reader.discard()

    def _send(self, body: bytes) -> None:
        if self._token:
            body = messages.token(self._token) + body
        if self.terms.ends_responses:
            body += messages.END_OF_RESPONSE_MESSAGE
            self.channel.send_data(body, last_flags=END_OF_RESPONSE)
        else:
            self.channel.send_data(body)
