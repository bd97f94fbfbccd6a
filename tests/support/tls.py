"""A private certificate authority, TLS on loopback under any name, and a corporate proxy that knows the ways."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest


@dataclass(frozen=True)
class PrivateCA:
    """An authority that nobody but its `ca_file` knows, and a server's certificate from it."""

    ca_file: Path
    server: ssl.SSLContext


def private_ca(folder: Path, *names: str) -> PrivateCA:
    """Make one for servers called `names` (hosts or addresses); skips the test where certificates can't be made."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography comes with keyring on Linux only")
    # by name, so that types are checked where the library is not installed too
    hashes, serialization, ec, oid = (
        import_module(f"cryptography.{name}")
        for name in (
            "hazmat.primitives.hashes",
            "hazmat.primitives.serialization",
            "hazmat.primitives.asymmetric.ec",
            "x509.oid",
        )
    )

    def named(words: str) -> object:
        return x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, words)])

    since, until = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=2)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    base = x509.CertificateBuilder().issuer_name(named("A private authority")).not_valid_before(since)
    authority = (
        base.not_valid_after(until)
        .subject_name(named("A private authority"))
        .public_key(ca_key.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(ca_id, critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    served = (
        base.not_valid_after(until)
        .subject_name(named(names[0]))
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(x509.SubjectAlternativeName([_name(x509, name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    folder.mkdir(parents=True, exist_ok=True)
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(authority.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    server_file.write_bytes(private + served.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    return PrivateCA(ca_file, context)


def _name(x509: object, name: str) -> object:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))  # type: ignore[attr-defined]
    except ValueError:
        return x509.DNSName(name)  # type: ignore[attr-defined]


@dataclass
class CorporateProxy:
    """A proxy that tunnels to loopback, whatever name it is asked for."""

    ways: Mapping[str, int]
    """The port on loopback behind each `host:port`."""
    url: str = ""
    heads: list[str] = field(default_factory=list)
    """What was asked of the proxy itself, whole: a key must never stand here."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            method, target, _ = head.split(" ", 2)
            if method != "CONNECT" or target not in self.ways:
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                return
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.ways[target])
            writers.append(inner_writer)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, OSError):
            pass  # one of both sides hung up
        finally:
            for each in writers:
                each.close()
            for each in writers:
                with suppress(ConnectionError, OSError):
                    await each.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def corporate_proxy(ways: Mapping[str, int]) -> AsyncIterator[CorporateProxy]:
    """A CONNECT proxy on a free port of 127.0.0.1."""
    proxy = CorporateProxy(ways)
    listener = await asyncio.start_server(proxy._connected, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listener.close()
        tasks = list(proxy._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()


@asynccontextmanager
async def tls_front(port: int, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """TLS before a plain server on `port` of loopback; gives the port where it listens."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_between(reader, writer, port))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()


async def _between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    writers = [writer]
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(inner_writer)
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
    except OSError:
        pass  # one of both sides hung up
    finally:
        for each in writers:
            each.close()
        for each in writers:
            with suppress(OSError):
                await each.wait_closed()
