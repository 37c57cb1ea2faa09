"""Messages for the mailbox: some written by hand to be nasty, some made at random. All lines end in CRLF."""

import base64
import random

HEAD = "From: Anna <anna@demo.example>\nTo: Bert <bert@demo.example>\nDate: Sun, 22 Nov 2026 10:00:00 +0100\n"


def text(*lines: str) -> bytes:
    return "\n".join(lines).replace("\n", "\r\n").encode("utf-8", "surrogateescape")


NASTY = {
    "plain": text(HEAD + "Subject: plain\nMessage-ID: <plain@demo.example>\n", "One line.\n"),
    "no body": text(HEAD + "Subject: no body\n"),
    "no empty line": text(HEAD + "Subject: no empty line"),
    "no header": text("\nOnly a body.\nOf two lines.\n"),
    "empty line only": b"\r\n",
    "one letter": b"x",
    "no colon": text("From: a@b.example\nthis line is no field\nSubject: after it\n\nbody\n"),
    "space before colon": text("From : a@b.example\nSubject : spaced\nTo\t: c@d.example\n\nbody\n"),
    "folded": text("From: Anna\n <anna@demo.example>\nSubject: folded\n\tin two\n   and three\nTo:\n bert@demo.example,\n carl@demo.example\n\nbody\n"),
    "folded to nothing": text("Subject:\n \n\t\nFrom: a@b.example\n\nbody\n"),
    "empty fields": text("From:\nTo: \nSubject:\nDate:\nMessage-ID:\nIn-Reply-To:\nReply-To:\nSender:\n\nbody\n"),
    "twice": text("From: first@a.example\nFrom: second@a.example\nSubject: one\nSubject: two\nTo: x@a.example\nTo: y@a.example\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nDate: Tue, 2 Jan 2024 00:00:00 +0000\nMessage-ID: <1@a>\nMessage-ID: <2@a>\n\nbody\n"),
    "groups": text("From: Team: a@b.example, \"C, D\" <c@d.example>;\nTo: undisclosed-recipients:;\nCc: A: b@c.example;, d@e.example\nSubject: groups\n\nbody\n"),
    "odd addresses": text("From: \"Quoted \\\" and \\\\ name\" <a@b.example>\nTo: <route@c.example>, plain@d.example (a comment), \"quoted local\"@e.example\nCc: Just A Name, missing@, @missing.example, <>, a b c@d.example\nReply-To: (only a comment)\nSender: =?utf-8?q?M=C3=BCller?= <m@b.example>\nSubject: odd addresses\n\nbody\n"),
    "source route": text("From: <@a.example,@b.example:user@c.example>\nTo: Name <@x.example:user@y.example>\nSubject: source route\n\nbody\n"),
    "domain literal": text("From: a@[192.0.2.1]\nTo: \"b\"@[IPv6:2001:db8::1]\nSubject: domain literal\n\nbody\n"),
    "dots and phrases": text("From: John Q. Public <jq@x.example>\nTo: a..b@c.example, .d@e.example, f.@g.example\nSubject: dots\n\nbody\n"),
    "comments": text("From: a (b (c) \\) d) @ (e) f.example\nSubject: (no comment) here\nDate: Sun (day), 22 Nov 2026 10:00:00 (time) +0100\n\nbody\n"),
    "encoded words": text("From: =?iso-8859-1?Q?J=F6rg?= <j@d.example>\nTo: =?utf-8?B?w4RubmE=?= =?utf-8?B?IMOcYmVy?= <a@d.example>\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?q?Z=FCrich?=\n\nbody\n"),
    "broken encoded words": text("Subject: =?utf-8?Q?no end =?nope?B?x?= =?utf-8?X?y?= =?utf-8?B?%%%?= =?utf-8?q?=ZZ?=\nFrom: a@b.example\n\nbody\n"),
    "bytes beyond ascii": text("From: Jörg <j@d.example>\nSubject: Grüße\nTo: müller@d.example\n\nKörper\n"),
    "latin bytes": b"From: J\xf6rg <j@d.example>\r\nSubject: Gr\xfc\xdfe\r\n\r\nK\xf6rper\r\n",
    "tabs": text("From:\ta@b.example\nSubject:\ttab\tand\ttab\t\nTo:   c@d.example   \n\nbody\n"),
    "dates": text("From: a@b.example\nDate: 22 Nov 26 10:00 EST\nSubject: dates\n\nbody\n"),
    "no date": text("From: a@b.example\nSubject: no date\n\nbody\n"),
    "wrong date": text("From: a@b.example\nDate: the day after\nSubject: wrong date\n\nbody\n"),
    "date of another zone": text("From: a@b.example\nDate: Sat, 31 Dec 2022 23:30:00 -0800\nSubject: zone\n\nbody\n"),
    "long line": text(HEAD + "Subject: " + "long " * 400 + "\n", "x" * 5000 + "\n"),
    "references": text(HEAD + "Subject: Re: [list] Re: plain (fwd)\nMessage-ID: <r@demo.example>\nIn-Reply-To: <plain@demo.example>\nReferences: <gone@demo.example>\n <plain@demo.example>\n", "body\n"),
    "odd references": text(HEAD + "Subject: Fwd: plain\nMessage-ID: <\"quoted id\"@demo.example>\nIn-Reply-To: your mail of <plain@demo.example> and Monday\nReferences: garbage <r@demo.example><plain@demo.example> <>\n", "body\n"),
    "same id": text(HEAD + "Subject: plain\nMessage-ID: <plain@demo.example>\n", "The id of another.\n"),
    "alternative": text(HEAD + "Subject: alternative\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"b1\"\n", "A preamble.\n--b1\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe=\n, Welt\n--b1\nContent-Type: text/html; charset=iso-8859-1\n\n<p>Hallo</p>\n--b1--\nAn epilogue.\n"),
    "mixed": text(HEAD + "Subject: mixed\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=outer\n", "--outer\n\nimplicit text\n--outer\nContent-Type: application/pdf; name=\"a b.pdf\"\nContent-Disposition: attachment; filename=\"a b.pdf\"; size=12\nContent-Transfer-Encoding: base64\nContent-ID: <pdf@demo.example>\nContent-Description: a file\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\nContent-Language: en, de\nContent-Location: http://a.example/x\n\nSGVsbG8gV29ybGQ=\n--outer--\n"),
    "nested": text(HEAD + "Subject: nested\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n", "--a\nContent-Type: multipart/alternative; boundary=aa\n\n--aa\n\none\n--aa\nContent-Type: text/html\n\n<b>two</b>\n--aa--\n--a\nContent-Type: message/rfc822\n\nFrom: inner@x.example\nSubject: inner\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=in\n\n--in\n\ninner text\n--in\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--in--\n--a--\n"),
    "message in message": text(HEAD + "Subject: message\nMIME-Version: 1.0\nContent-Type: message/rfc822\n", "From: second@x.example\nSubject: second\nContent-Type: message/rfc822\n\nFrom: third@x.example\nSubject: third\nTo: a@b.example\n\nthe innermost\n"),
    "empty message in message": text(HEAD + "Subject: empty inner\nContent-Type: message/rfc822\n", ""),
    "headless message in message": text(HEAD + "Subject: headless inner\nContent-Type: message/rfc822\n", "\nno header here\n"),
    "digest": text(HEAD + "Subject: digest\nMIME-Version: 1.0\nContent-Type: multipart/digest; boundary=d\n", "--d\n\nFrom: one@x.example\nSubject: one\n\nfirst\n--d\nContent-Type: text/plain\n\nplain\n--d\n\nSubject: two\n\nsecond\n--d--\n"),
    "no closing boundary": text(HEAD + "Subject: unclosed\nContent-Type: multipart/mixed; boundary=z\n", "--z\n\npart one\n--z\nContent-Type: text/html\n\npart two without an end\n"),
    "no boundary at all": text(HEAD + "Subject: no boundary\nContent-Type: multipart/mixed\n", "--z\n\npart one\n--z--\n"),
    "boundary never used": text(HEAD + "Subject: unused boundary\nContent-Type: multipart/mixed; boundary=never\n", "Just a text.\n"),
    "empty multipart": text(HEAD + "Subject: empty multipart\nContent-Type: multipart/mixed; boundary=e\n", "--e--\n"),
    "empty parts": text(HEAD + "Subject: empty parts\nContent-Type: multipart/mixed; boundary=e\n", "--e\n--e\n\n--e\nContent-Type: text/html\n--e\nContent-Type: text/html\n\n--e--\n"),
    "boundary with spaces": text(HEAD + "Subject: spaces\nContent-Type: multipart/mixed; boundary=\"b c\"\n", "--b c  \n\npart one\n--b c\t\n\npart two\n--b c-- \nend\n"),
    "boundary as prefix": text(HEAD + "Subject: prefix\nContent-Type: multipart/mixed; boundary=abc\n", "--abc\nContent-Type: multipart/mixed; boundary=abcd\n\n--abcd\n\ninner\n--abcd--\n--abc\n\nsecond\n--abcx\nnot a boundary\n--abc--\n"),
    "outer boundary ends inner": text(HEAD + "Subject: outer ends inner\nContent-Type: multipart/mixed; boundary=o\n", "--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\ninner without an end\n--o\n\nafter\n--o--\n"),
    "parameters": text(HEAD + "Subject: parameters\nContent-Type: text/plain; charset=us-ascii; format=flowed; delsp=yes; x=\"q\\\"uoted\"\nContent-Disposition: inline; filename*=utf-8''%C3%A4.txt\n", "body\n"),
    "continued parameters": text(HEAD + "Subject: continued\nContent-Type: application/x-stuff; name*0=\"one\"; name*1=\"two\"; title*0*=us-ascii'en'This%20; title*1=rest\n", "body\n"),
    "odd content types": text(HEAD + "Subject: odd type\nContent-Type: text\nContent-Transfer-Encoding: X-Unknown\n", "body\n"),
    "broken content type": text(HEAD + "Subject: broken type\nContent-Type: /plain; charset\nContent-Disposition: ;filename=x\nContent-Transfer-Encoding:\n", "body\n"),
    "type in capitals": text(HEAD + "Subject: capitals\nCONTENT-TYPE: TEXT/HTML; CHARSET=UTF-8\nCONTENT-TRANSFER-ENCODING: BASE64\n", base64.b64encode("<p>Grüße</p>".encode()).decode() + "\n"),
    "type with comments": text(HEAD + "Subject: type comments\nContent-Type: (c) text/(d)html (e); (f) charset (g) = (h) utf-8\n", "<p>x</p>\n"),
    "quoted printable": text(HEAD + "Subject: qp\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n", "Stra=C3=9Fe und sehr la=\nnge Zeile =3D Ende  \n=ZZ kaputt=\n"),
    "broken base64": text(HEAD + "Subject: broken base64\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n", "SGVs*bG8g\nV29y=bGQ\n!!!!\n"),
    "no last line end": text(HEAD + "Subject: no end\n", "the last line"),
    "mime headers only": text("MIME-Version: 1.0\nContent-Type: text/html\n\n"),
    "dots": text(HEAD + "Subject: dots\n", ".\n..\n.x\n"),
    "mbox": text("From sender@x.example Sun Nov 22 10:00:00 2026\nSubject: mbox line\nFrom: a@b.example\n\nFrom here on.\n>From there.\n"),
    "body with header look": text("Subject: look\n\nSubject: not this\nFrom: nor@this.example\n"),
    "quotes in subject": text(HEAD + "Subject: he said \"hi\" \\ and {3}\nMessage-ID: weird id\n", "body\n"),
    "japanese": b"Subject: =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=\r\nFrom: a@b.example\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$BF|K\\\x1b(B\r\n",
    "many headers": text(*(f"X-Header-{n}: value {n}" for n in range(60)), "Subject: many", "", "body\n"),
    "base subjects": text(HEAD + "Subject: Re: Fwd: [a] [b] plain (fwd) (fwd)\n", "body\n"),
    "bare cr": b"Subject: bare\rcr\r\nFrom: a@b.example\r\n\r\nbody\rof\rlines\r\n",
    "only blobs": text(HEAD + "Subject: [list] Re:\n", "body\n"),
    "forwarded subject": text(HEAD + "Subject: [Fwd: plain]\n", "body\n"),
}  # fmt: skip

WORDS = "apple Birne cat Grüße straße Zebra lorem ipsum x-ray 42".split()
TYPES = ["text/plain", "text/html", "text/plain; charset=utf-8", "image/gif", "application/octet-stream", "message/rfc822"]
SUBJECTS = ["plain", "Re: plain", "Fwd: apple", "[list] Zebra", "Birne (fwd)", "re: re: cat", "", "42", "Äpfel", "apple"]


def some_words(dice: random.Random, count: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(count))


def some_part(dice: random.Random, depth: int) -> list[str]:
    """Header and body of a part, header first, an empty line between."""
    if depth < 3 and dice.random() < 0.35:
        boundary = f"b{depth}{dice.randrange(1000)}"
        kind = dice.choice(["mixed", "alternative", "digest", "related; type=text/html"])
        kind, _, more = kind.partition(";")
        lines = [f"Content-Type: multipart/{kind}; boundary={boundary}" + (f";{more}" if more else ""), ""]
        lines += ["preamble"] * dice.randrange(2)
        for _ in range(dice.randrange(4)):
            lines += [f"--{boundary}", *some_part(dice, depth + 1)]
        if dice.random() < 0.85:
            lines.append(f"--{boundary}--")
        return lines + ["epilogue"] * dice.randrange(2)
    kind = dice.choice(TYPES)
    lines = [f"Content-Type: {kind}"] if dice.random() < 0.8 else []
    if kind == "message/rfc822" and lines:
        return [*lines, "", *some_header(dice), *some_part(dice, depth + 1)]
    body = some_words(dice, dice.randrange(12))
    if dice.random() < 0.25:
        lines.append("Content-Transfer-Encoding: base64")
        body = base64.encodebytes(body.encode()).decode().rstrip()
    if dice.random() < 0.2:
        lines.append(f"Content-Disposition: {dice.choice(['inline', 'attachment'])}; filename=\"{dice.choice('abc')}.txt\"")
    if dice.random() < 0.1:
        lines.append("Content-ID: <part@demo.example>")
    if dice.random() < 0.1:
        lines.append("Content-Language: de")
    return [*lines, "", body]


def some_header(dice: random.Random) -> list[str]:
    identity = f"{dice.randrange(12)}@generated.example"
    lines = [f"From: {dice.choice(['Anna', 'bert', 'Carl C.', '']) or 'x'} <{dice.choice('abc')}@{dice.choice('xyz')}.example>"]
    lines.append(f"Subject: {dice.choice(SUBJECTS)}")
    if dice.random() < 0.9:
        zone = dice.choice(["+0000", "-0800", "+0530", "+1200"])
        lines.append(f"Date: {dice.randint(1, 28)} {dice.choice(['Jan', 'Jun', 'Dec'])} {dice.choice([2024, 2025])} {dice.randrange(24):02}:30:00 {zone}")
    if dice.random() < 0.8:
        lines.append(f"To: {dice.choice('abc')}@{dice.choice('xyz')}.example")
    if dice.random() < 0.4:
        lines.append(f"Cc: {dice.choice('abc')}@{dice.choice('xyz')}.example, Dora <d@x.example>")
    if dice.random() < 0.8:
        lines.append(f"Message-ID: <{identity}>")
    if dice.random() < 0.5:
        lines.append("References: " + " ".join(f"<{dice.randrange(12)}@generated.example>" for _ in range(dice.randint(1, 3))))
    elif dice.random() < 0.3:
        lines.append(f"In-Reply-To: <{dice.randrange(12)}@generated.example>")
    dice.shuffle(lines)
    return lines


def generated(dice: random.Random) -> bytes:
    return text(*some_header(dice), "MIME-Version: 1.0", *some_part(dice, 0), "")


def some_message(dice: random.Random) -> bytes:
    return NASTY[dice.choice(list(NASTY))] if dice.random() < 0.5 else generated(dice)
