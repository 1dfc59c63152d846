"""`POST /analyze` of Backstop beside that of a Presidio, for `cargo xtask bench dlp`.

    analyze.py DOCUMENTS.jsonl BACKSTOP STATE POLICY PRESIDIO_SERVER.py

Starts both, sends each document to one and then to the other (who is first changes), over a
connection that stays open, and prints JSON lines {"ours", "theirs"} of microseconds with
{"ours_found", "theirs_found"}: whether anything was found. Each document is sent once: nothing is
answered from memory.
"""
import http.client
import json
import subprocess
import sys
import time

documents, backstop, state, policy, server = sys.argv[1:]
ours = subprocess.Popen(
    [backstop, "serve", "--format", "json", "--state", state, "--policy", policy]
    + ["--proxy", "127.0.0.1:0", "--api", "127.0.0.1:0"],
    stdout=subprocess.PIPE,
)
theirs = subprocess.Popen([sys.executable, server], stdout=subprocess.PIPE)


class Line:
    """A connection that stays open."""

    def __init__(self, port):
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, text):
        body = json.dumps({"text": text, "language": "en"}).encode()
        before = time.perf_counter()
        self.line.request("POST", "/analyze", body, {"Content-Type": "application/json"})
        reply = self.line.getresponse()
        answer = reply.read()
        micros = (time.perf_counter() - before) * 1e6
        if reply.status != 200:
            raise SystemExit(f"{reply.status}: {answer[:200]}")
        return round(micros, 1), len(json.loads(answer)) > 0


try:
    for line in ours.stdout:
        ready = json.loads(line)
        if ready.get("event") == "ready":
            break
    lines = [Line(int(ready["api"].rsplit(":", 1)[1])), Line(int(theirs.stdout.readline()))]
    with open(documents, encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    # What is compiled or loaded when it is first needed counts for neither.
    for turn in range(40):
        for line in lines:
            line.ask(f"Warm-up {turn}: Tzigane Lantos of London wrote to jane.roe@acme-corp.com. " + texts[-1 - turn])
    for number, text in enumerate(texts):
        told = [None, None]
        for which in (0, 1) if number % 2 else (1, 0):
            told[which] = lines[which].ask(text)
        (our_micros, our_found), (their_micros, their_found) = told
        print(json.dumps({"ours": our_micros, "theirs": their_micros, "ours_found": our_found, "theirs_found": their_found}))
finally:
    for child in (ours, theirs):
        child.kill()
        child.wait()
