"""A server that echoes on very many connections, as a process of its own so that it has descriptors of its own.

python -m tests.relay.echo FD        # FD: a listening socket that it inherits; it ends with its standard input
"""

import resource
import select
import socket
import sys


def serve(listener: socket.socket) -> None:
    """Accept and echo until standard input ends."""
    listener.setblocking(False)
    poll, open_ones = select.epoll(), dict[int, socket.socket]()
    poll.register(listener, select.EPOLLIN)
    poll.register(0, select.EPOLLIN | select.EPOLLHUP)
    while True:
        for number, _ in poll.poll():
            if number == 0:
                return
            if number == listener.fileno():
                sock, _ = listener.accept()
                open_ones[sock.fileno()] = sock
                poll.register(sock, select.EPOLLIN)
            elif data := open_ones[number].recv(4096):
                open_ones[number].sendall(data)
            else:
                open_ones.pop(number).close()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    serve(socket.socket(fileno=int(sys.argv[1])))
