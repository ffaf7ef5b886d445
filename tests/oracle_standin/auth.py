"""Logging in with the 12c verifier: neither side sends the password, each proves that it knows it.

hash = SHA512(PBKDF2(password, salt) + salt)[:32] encrypts two halves of a session key, one made by
each side; the session key encrypts the password once more, and the server's answer.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from oracle_standin.errors import OraError

VERIFIER_12C = 0x4815
_KEY_ROUNDS = 4096
_SESSION_ROUNDS = 3
_HALF = 32
_ZERO_IV = bytes(16)
_FULL_PADDING = bytes([16]) * 16  # PKCS#7 of what fills its blocks


@dataclass(frozen=True)
class Account:
    """Who may log in."""

    user: str
    password: str = field(repr=False)
    locked: bool = False


class Login:
    """The server's side of one login."""

    def __init__(self, account: Account | None) -> None:
        self._account = account
        # An unknown user sees the same first phase as a known one.
        self._password = account.password if account else secrets.token_hex(16)
        self._salt = secrets.token_bytes(16)
        self._session_salt = secrets.token_bytes(16)
        self._half = secrets.token_bytes(_HALF)
        key = _pbkdf2(
            self._password.encode(), self._salt + b"AUTH_PBKDF2_SPEEDY_KEY", _KEY_ROUNDS, 64
        )
        self._hash = hashlib.sha512(key + self._salt).digest()[:32]

    def challenge(self) -> dict[str, tuple[str, int]]:
        """What phase one answers: key -> (value, flags)."""
        return {
            "AUTH_SESSKEY": (_hex(_encrypt(self._hash, self._half)), 0),
            "AUTH_VFR_DATA": (_hex(self._salt), VERIFIER_12C),
            "AUTH_PBKDF2_CSK_SALT": (_hex(self._session_salt), 0),
            "AUTH_PBKDF2_VGEN_COUNT": (str(_KEY_ROUNDS), 0),
            "AUTH_PBKDF2_SDER_COUNT": (str(_SESSION_ROUNDS), 0),
        }

    def prove(self, answer: dict[str, str]) -> str:
        """Check the client's phase two; return AUTH_SVR_RESPONSE, which proves the server."""
        try:
            client_half = _decrypt(self._hash, bytes.fromhex(answer["AUTH_SESSKEY"]))[:_HALF]
            key = _pbkdf2(
                _hex(client_half + self._half).encode(), self._session_salt, _SESSION_ROUNDS, 32
            )
            padded = _decrypt(key, bytes.fromhex(answer["AUTH_PASSWORD"]))
        except (KeyError, ValueError):
            raise OraError(1017) from None
        given = padded[16 : len(padded) - padded[-1]]
        if not self._account or not hmac.compare_digest(given, self._password.encode()):
            raise OraError(1017)
        if self._account.locked:
            raise OraError(28000)
        answer_to_client = secrets.token_bytes(16) + b"SERVER_TO_CLIENT"
        return _hex(_encrypt(key, answer_to_client + _FULL_PADDING))


def _hex(data: bytes) -> str:
    return data.hex().upper()


def _pbkdf2(secret: bytes, salt: bytes, rounds: int, size: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", secret, salt, rounds, size)


def _encrypt(key: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(_ZERO_IV)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _decrypt(key: bytes, data: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(_ZERO_IV)).decryptor()
    return decryptor.update(data) + decryptor.finalize()
