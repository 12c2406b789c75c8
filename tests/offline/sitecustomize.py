"""No network: a Python with this folder in PYTHONPATH, and each it starts, talks to itself only.

Python imports a module of this name when it starts. Connections over loopback and unix sockets
work; everything else fails at once, as it would on a machine without a network.
"""

import ipaddress
import socket

LOCAL_NAMES = ("", "localhost", socket.gethostname())


def is_local(host: str | bytes | None) -> bool:
    """Whether a host is this machine: a loopback address, or a name that stands for one."""
    name = host.decode() if isinstance(host, bytes) else host or ""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name in LOCAL_NAMES
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def refuse(host: object) -> None:
    raise ConnectionError(f"{host} is not on this machine, and the tests run without a network")


def only_local(method):
    """A socket's method, for addresses of this machine. The address is its last argument."""

    def checked(self, *arguments):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            if not is_local(arguments[-1][0]):
                refuse(arguments[-1][0])
        elif self.family != getattr(socket, "AF_UNIX", None):
            refuse(arguments[-1])
        return method(self, *arguments)

    return checked


def only_local_names(lookup):
    """A function that looks up a host's address, for names of this machine."""

    def checked(host, *arguments, **options):
        if not is_local(host):
            refuse(host)
        return lookup(host, *arguments, **options)

    return checked


for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, only_local(getattr(socket.socket, name)))
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, only_local_names(getattr(socket, name)))
