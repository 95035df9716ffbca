# Runs a command at a terminal of its own. What is typed next is typed when the text before it has been seen.

import os
import pty
import select
import signal

child, terminal = pty.fork()
if child == 0:
    os.chdir(given["folder"])
    os.execve(given["arguments"][0], given["arguments"], given["environment"])

seen = ""
fresh = ""
dialogue = list(given["dialogue"])
while True:
    if dialogue and dialogue[0][0] in fresh:
        os.write(terminal, dialogue.pop(0)[1].encode())
        fresh = ""
    if not select.select([terminal], [], [], 60)[0]:
        # It hangs: the test says what was seen.
        os.kill(child, signal.SIGKILL)
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        break
    if not chunk:
        break
    seen += chunk.decode(errors="replace")
    fresh += chunk.decode(errors="replace")
_, status = os.waitpid(child, 0)
os.close(terminal)
result = {"text": seen, "code": os.waitstatus_to_exitcode(status)}
