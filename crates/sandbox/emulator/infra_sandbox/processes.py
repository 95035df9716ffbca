"""Processes of this machine, as Linux tells of them in `/proc`: which one a request comes from, and its end."""

import os
import re
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any

# An address as /proc/net/tcp writes it.
LOOPBACK = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}"
ESTABLISHED = "01"


class ProcessError(Exception):
    """A process that is not there, or that is not to be touched; the message says which and why."""


@dataclass(frozen=True)
class Process:
    """A process of our own user. A number that another process has got since is not it."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process of that number."""
        if pid == os.getpid():
            raise ProcessError("that is the emulator itself")
        try:
            owner = os.stat(f"/proc/{pid}").st_uid
            started = _started(pid)
        except OSError:
            raise ProcessError(f"no process {pid} is found in /proc") from None
        if owner != os.getuid():
            raise ProcessError(f"process {pid} belongs to another user")
        return cls(pid, started)

    def kill(self) -> None:
        """Ends it at once, with SIGKILL."""
        if Process.of(self.pid) != self:
            raise ProcessError(f"process {self.pid} has ended, and another one has its number")
        try:
            os.kill(self.pid, signal.SIGKILL)
        except OSError as error:
            raise ProcessError(f"process {self.pid} cannot be killed: {error.strerror}") from None


def _started(pid: int) -> str:
    """When it started, in the kernel's ticks. The name before it may hold anything, but no later bracket."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[19]


def peer(environ: dict[str, Any]) -> Process:
    """The process at the other end of a request's connection."""
    port, server_port = environ.get("REMOTE_PORT", ""), environ.get("SERVER_PORT", "")
    if environ.get("REMOTE_ADDR") != "127.0.0.1" or not port or not server_port:
        raise ProcessError("the request does not come from 127.0.0.1")
    inode = _inode(int(port), int(server_port))
    holders = [pid for pid in _pids() if pid != os.getpid() and _holds(pid, inode)]
    if not holders:
        raise ProcessError(f"no process of this user holds the connection from port {port}")
    return Process.of(holders[0])


def _inode(port: int, server_port: int) -> str:
    """The inode of the client's socket."""
    wanted = (f"{LOOPBACK}:{port:04X}", f"{LOOPBACK}:{server_port:04X}", ESTABLISHED)
    try:
        with open("/proc/net/tcp") as file:
            for line in file:
                columns = line.split()
                if tuple(columns[1:4]) == wanted:
                    return columns[9]
    except OSError:
        raise ProcessError("this machine has no /proc/net/tcp to find the client in") from None
    raise ProcessError(f"no open connection from port {port} is found")


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if re.fullmatch(r"\d+", name))


def _holds(pid: int, inode: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):
            try:
                if os.readlink(f"{folder}/{name}") == f"socket:[{inode}]":
                    return True
            except OSError:
                pass  # closed meanwhile
    except OSError:
        pass  # ended meanwhile, or another user's
    return False
