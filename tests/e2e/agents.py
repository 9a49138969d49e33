"""Agents of the real program, and their control API over HTTP."""

import http.client
import json
import signal

from swarm import Daemon

SERVICE = "shoal.leecher.v1.DownloadsService"


class Gone(Exception):
    """The agent did not answer: it was killed."""


class Refused(Exception):
    """The agent answered with an error. `code`: as the Connect protocol names it."""

    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class Agent:
    """`shoal-leecher serve` on a state folder of its own. It comes back on the port that it had."""

    def __init__(self, swarm, name, *flags, environment=None):
        self.swarm = swarm
        self.environment = environment
        self.folder = swarm.folder(name)
        self.output = swarm.folder(f"{name}/output")
        self.socket = self.folder / "socket"
        self.flags = flags
        self.port = 0
        self.start()

    def start(self):
        self.daemon = self.swarm.keep(Daemon(
            "shoal-leecher", "serve", f"--http=127.0.0.1:{self.port}", f"--socket={self.socket}", f"--state={self.folder / 'state'}",
            f"--output={self.output}", f"--tracker={self.swarm.tracker_url}", "--listen=127.0.0.1:0", "--advertise=127.0.0.1", *self.flags,
            environment=self.environment))
        self.port = int(self.daemon.expect(r"the agent runs .*http://127\.0\.0\.1:(\d+)/").group(1))

    def kill(self):
        self.daemon.stop(signal.SIGKILL)
        self.swarm.daemons.remove(self.daemon)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, method, path, body=None, headers=None):
        """Returns the status, the headers and the bytes of a response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Gone(str(error)) from error
        finally:
            connection.close()

    def call(self, method, request=None, headers=None):
        """Calls a method of the API; returns its response. Raises Refused or Gone."""
        status, _, body = self.ask("POST", f"/api/{SERVICE}/{method}", json.dumps(request or {}),
                                   {"Content-Type": "application/json", **(headers or {})})
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise Gone(f"{status}: {body[:100]!r}") from error
        if status != 200:
            raise Refused(status, answer.get("code"), answer.get("message"))
        return answer

    def downloads(self):
        return self.call("List").get("downloads", [])

    def command(self, *words):
        return self.swarm.leecher(*words, f"--socket={self.socket}")
