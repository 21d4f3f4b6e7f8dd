"""A Martinet of its own for one measurement: its files, its processes and its ports."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# Who is asked to end, as by `timeout`, ends the server and removes its files first.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port():
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reader:
    """The lines that a socket brings."""

    def __init__(self, connection):
        self.connection, self.rest = connection, b""

    def line(self):
        """The next line without its end; None when the peer has left."""
        while b"\n" not in self.rest:
            more = self.connection.recv(65536)
            if not more:
                return None
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.rstrip(b"\r")


class Client:
    """An SMTP session that waits for each reply."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), 30)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(self.connection)
        self.expect(b"220")
        self.ask(b"EHLO bench.test", b"250")

    def expect(self, code):
        """Reads a reply to its last line, which must begin with the code."""
        while True:
            line = self.reader.line()
            if line is None:
                raise SystemExit("the server hung up")
            if line[3:4] != b"-":
                break
        if not line.startswith(code):
            raise SystemExit(f"the server said {line.decode(errors='replace')}")

    def ask(self, command, code):
        """Sends a line and waits for its reply."""
        self.connection.sendall(command + b"\r\n")
        self.expect(code)

    def close(self):
        """Leaves."""
        self.ask(b"QUIT", b"221")
        self.connection.close()


class Instance:
    """Runs with its defaults but for what is given; the executable is that of MARTINET, or
    .build/release/martinet."""

    def __init__(self, folder="/var/tmp", **settings):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-martinet-", dir=folder))
        self.directory.chmod(0o755)
        self.port = free_port()
        self.log = self.directory / "maillog"
        self.spool = self.directory / "spool"
        for name in ("etc", "spool", "data"):
            (self.directory / name).mkdir()
        values = {
            "compatibility_level": "3.6", "myhostname": "mx.bench.test", "mydestination": "",
            "mynetworks": "127.0.0.0/8", "queue_directory": self.spool,
            "data_directory": self.directory / "data", "maillog_file": self.log,
            "inet_protocols": "ipv4",
        }
        if os.getuid() == 0:
            owner = "postfix" if "postfix" in (u.pw_name for u in pwd.getpwall()) else "nobody"
            values["mail_owner"] = owner
            for name in ("spool", "data"):
                shutil.chown(self.directory / name, owner)
        values.update(settings)
        text = "".join(f"{name} = {value}\n" for name, value in values.items())
        (self.directory / "etc/main.cf").write_text(text)
        (self.directory / "etc/master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd\n")
        self.process = None

    def __enter__(self):
        program = os.environ.get("MARTINET", ".build/release/martinet")
        try:
            with open(self.directory / "stderr", "w") as errors:
                self.process = subprocess.Popen(
                    [program, "-c", str(self.directory / "etc"), "run"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        except OSError as error:
            shutil.rmtree(self.directory)
            raise SystemExit(f"{program}: {error.strerror}: build it, or set MARTINET") from None
        deadline = time.monotonic() + 20
        while True:
            try:
                Client(self.port).close()
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    text = (self.directory / "stderr").read_text()
                    self.__exit__()
                    raise SystemExit(f"martinet does not answer: {text}") from None
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory)
