"""A swarm of the real programs over mutual TLS."""

import socket
import ssl
import subprocess

from swarm import PATIENCE, Daemon, Swarm, program


def make_certificates(folder, *flags):
    return subprocess.run([program("shoal-leecher"), "certs", str(folder), *flags], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)


def tls_flags(folder):
    return [f"--tls-cert={folder}/cert.pem", f"--tls-key={folder}/key.pem", f"--tls-ca={folder}/ca.pem"]


class TlsSwarm(Swarm):
    """All programs share the certificates in the folder `certificates`."""

    def __init__(self, *tracker_flags):
        super().__init__(tracker_flags=tracker_flags)

    @property
    def certificates(self):
        return self.root / "certs"

    @property
    def flags(self):
        return tls_flags(self.certificates)

    def start_tracker(self):
        if not self.certificates.exists():
            assert make_certificates(self.certificates).returncode == 0
        self.tracker = self.keep(Daemon("shoal-tracker", "--lease=10s", "--grpc=127.0.0.1:0", "--http=127.0.0.1:0", *self.flags,
                                        *self.tracker_flags))
        for protocol, scheme in (("grpc", "grpc"), ("http", "https")):
            self.ports[protocol] = int(self.tracker.expect(rf"listening on {scheme}://\S*:(\d+)").group(1))

    def context(self, certificate=True, version=None):
        context = ssl.create_default_context(cafile=self.certificates / "ca.pem")
        if certificate:
            context.load_cert_chain(self.certificates / "cert.pem", self.certificates / "key.pem")
        context.set_alpn_protocols(["h2"])  # gRPC insists on it
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, port, context):
        """A connection after its handshake."""
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE), server_hostname="localhost")


def answer_of(swarm, port, context, request=b"x" * 64):
    """The first byte, or the error, that a client gets. With TLS 1.3 the server judges last, so a refusal has to be read."""
    try:
        with swarm.connect(port, context) as connection:
            connection.sendall(request)
            return f"received {connection.recv(1)!r}"
    except (ssl.SSLError, ConnectionError) as error:
        return str(error)
