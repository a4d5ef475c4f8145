"""A lightly loaded HTTP server with workers beside it that each do a little by a timetable."""

import threading
import time

import labkit


def work(every):
    while True:
        time.sleep(every)
        sum(range(2000))


server = labkit.asked_http_server(0.5)
for i in range(5):
    threading.Thread(target=work, args=(0.2 + 0.3 * i,), daemon=True).start()
labkit.ready()
server.serve_forever()
