"""A milter that does as it is told by what it is shown, by Debian's libmilter: own_milter.py SOCKET NOTES

Senders reject@, tempfail@, discard@, accept@ and code@ are answered so; so are recipients like refused7@. At the end it does
what the fields X-Do say. What it was told is a line of JSON a message in NOTES.
"""

import json
import sys

import Milter

SOCKET, NOTES = sys.argv[1:]


class Own(Milter.Base):
    def __init__(self):
        self.seen = {}

    def connect(self, host, family, address):
        self.seen = {"host": host, "address": address, "daemon": self.getsymval("{daemon_name}"), "j": self.getsymval("j")}
        return Milter.CONTINUE

    def hello(self, name):
        self.seen["helo"] = name
        return Milter.CONTINUE

    def envfrom(self, sender, *parameters):
        self.seen |= {"from": sender, "to": [], "header": [], "body": "", "account": self.getsymval("{auth_authen}")}
        self.seen["i"] = self.getsymval("i")
        self.data_seen = b""
        who = sender.strip("<>").split("@")[0]
        if who == "code":
            self.setreply("554", "5.7.9", "first line", "second line 100%%")
            return Milter.REJECT
        answers = {"reject": Milter.REJECT, "tempfail": Milter.TEMPFAIL, "discard": Milter.DISCARD, "accept": Milter.ACCEPT}
        return answers.get(who, Milter.CONTINUE)

    def envrcpt(self, recipient, *parameters):
        if recipient.startswith("<refused"):
            return Milter.REJECT
        self.seen["to"].append(recipient)
        return Milter.CONTINUE

    def header(self, name, value):
        self.seen["header"].append([name, value])
        return Milter.CONTINUE

    def body(self, chunk):
        self.data_seen += chunk
        return Milter.CONTINUE

    def eom(self):
        self.seen["body"] = self.data_seen.decode(errors="replace")
        answer = Milter.CONTINUE
        for name, value in self.seen["header"]:
            if name == "X-Do":
                verb, *words = value.split(" ", 1)
                answer = getattr(self, "do_" + verb.replace("-", "_"))(*words) or answer
        with open(NOTES, "a") as notes:
            notes.write(json.dumps(self.seen) + "\n")
        return answer

    def do_add(self, what):
        self.addheader(*what.split("=", 1))

    def do_insert(self, what):
        self.addheader(*what.split("=", 1), 0)

    def do_change(self, what):
        self.chgheader(what.split("=")[0], 1, what.split("=", 1)[1])

    def do_body(self, what):
        self.progress()
        self.replacebody(what.replace("\\n", "\r\n") + "\r\n")

    def do_to(self, what):
        self.addrcpt(f"<{what}>")

    def do_not_to(self, what):
        self.delrcpt(f"<{what}>")

    def do_from(self, what):
        self.chgfrom(f"<{what}>")

    def do_quarantine(self, what):
        self.quarantine(what)

    def do_reject(self):
        return Milter.REJECT

    def do_discard(self):
        return Milter.DISCARD

    def do_code(self, what):
        self.setreply("450", "4.7.7", what)
        return Milter.TEMPFAIL

    def do_die(self):
        sys.stdout.flush()
        import os

        os._exit(1)


Milter.factory = Own
Milter.set_flags(
    Milter.ADDHDRS | Milter.CHGHDRS | Milter.CHGBODY | Milter.ADDRCPT | Milter.DELRCPT | Milter.QUARANTINE | Milter.CHGFROM
)
Milter.runmilter("own", SOCKET, 60)
