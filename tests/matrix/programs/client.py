"""client.py SOCKET REQUEST: sends a request every 5 ms and reads what comes back."""

import socket
import sys
import time


def main():
    request = sys.argv[2].encode().decode("unicode_escape").encode()
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(sys.argv[1])
                for _ in range(50):
                    connection.sendall(request)
                    connection.recv(65536)
                    time.sleep(0.005)
            except OSError:
                time.sleep(0.1)


main()
