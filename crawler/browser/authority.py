"""The certificates that we show to our own browser, made for one run and kept in memory."""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections import OrderedDict
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from crawler.clock import Clock, utc_now

DAY = timedelta(days=1)
DAYS = 90 * DAY  #: browsers take no certificate that holds for longer than 398
HOSTS = 1000  #: whose certificates are kept


class Authority:
    """Vouches for any host, to who trusts its one key: `spki` is what Chromium is told to trust.

    The hosts' own certificates are judged where we connect to them (crawler/wire/dial.py).
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._own, self._key = (
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP256R1()),
        )
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anapress, this run only")])
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.spki = b64encode(sha256(public).digest()).decode()

    def context(self, host: str) -> ssl.SSLContext:
        """A server's side of TLS for this host."""
        if host not in self._contexts:
            self._contexts[host] = self._made(host)
            while len(self._contexts) > HOSTS:
                self._contexts.popitem(last=False)
        return self._contexts[host]

    def _made(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = os.memfd_create("leaf")  # Python's ssl reads certificates from files only
        try:
            os.write(file, key + self._leaf(host).public_bytes(Encoding.PEM))
            context.load_cert_chain(f"/proc/self/fd/{file}")
        finally:
            os.close(file)
        return context

    def _leaf(self, host: str) -> x509.Certificate:
        now = self._clock()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAYS)
            .add_extension(x509.SubjectAlternativeName([_general(host)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        return builder.sign(self._own, SHA256())


def _general(host: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(host))
    return x509.DNSName(host)
