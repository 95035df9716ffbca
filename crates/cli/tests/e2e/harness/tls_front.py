"""TLS in front of an endpoint on this machine, with an authority of its own.

`tls_front.py FOLDER UPSTREAM_PORT` writes the authority's certificate to FOLDER/authority.pem, prints the port that
it listens on, and passes on what comes there until its input ends.
"""

import datetime
import ipaddress
import pathlib
import socket
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

folder, upstream = pathlib.Path(sys.argv[1]), int(sys.argv[2])

# The names that AWS's services have in the region of the tests, and this machine's.
NAMES = [
    "localhost",
    "*.amazonaws.com",
    "*.us-east-1.amazonaws.com",
    "api.ecr.us-east-1.amazonaws.com",
    "*.dkr.ecr.us-east-1.amazonaws.com",
]


def name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuers_key, is_authority, alternatives):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(issuers_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


authority = ec.generate_private_key(ec.SECP256R1())
key = ec.generate_private_key(ec.SECP256R1())
names = [x509.DNSName(one) for one in NAMES] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
(folder / "authority.pem").write_bytes(certificate("Authority", authority, "Authority", authority, True, []))
(folder / "front.pem").write_bytes(
    certificate("localhost", key, "Authority", authority, False, names)
    + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "front.pem")


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(plain):
    try:
        with context.wrap_socket(plain, server_side=True) as client:
            with socket.create_connection(("127.0.0.1", upstream)) as server:
                back = threading.Thread(target=copy, args=(server, client), daemon=True)
                back.start()
                copy(client, server)
                back.join()
    except OSError:
        pass


def listen(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=listen, args=(listener,), daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
