"""Messages for the junk filter's tests: made by dice, the same each time. They stand for no real mail: a filter that
fails here is broken, one that shines here is not proven by it. What makes it hard: both kinds share most of their
words, topics appear that were never learnt, junk comes in disguise, and good mail sells things, too."""

import random
from email.message import EmailMessage

COMMON = """the and for you with this that from have will our your are not but can all was about time here new please
today just more when what there some like please know see dear hello best regards thanks week month year number name
mail send read message write phone line people good first last next day information question answer service order
und der die das ist nicht mit für auf von wir Sie haben werden bitte Grüße heute morgen Woche Zeit Nachricht Frage
Antwort gerne danke viele schon noch auch über nach""".split()

GOOD = {
    "work": "meeting minutes budget project schedule review quarterly deadline agenda draft slides colleague office",
    "family": "grandma birthday kids school garden holiday photos dinner sunday cousin train station weather picnic",
    "code": "commit patch branch review compiler segfault backtrace merge release regression linker struct pointer",
    "shop": "invoice delivery parcel tracking receipt shipped customer discount offer newsletter unsubscribe free",
    "verein": "Vorstand Mitglieder Versammlung Protokoll Turnier Training Halle Beitrag Fahrgemeinschaft Jugend Pokal",
    "tokyo": "会議の資料を送ります 来週の予定を確認してください お世話になっております 請求書を添付しました",
}
JUNK = {
    "pills": "viagra v1agra cialis pharmacy pills prescription discount erection herbal meds dosage overnight cheap",
    "casino": "casino jackpot bonus roulette spins winner poker deposit free betting slots vip lucky chips",
    "prince": "barrister million dollars beneficiary inheritance confidential transfer fund deceased urgent kin bank",
    "phish": "account suspended verify password login immediately unusual activity click confirm identity security",
    "kredit": "Kredit ohne Schufa sofort Auszahlung Gewinn Millionen Traumfrau abnehmen Wundermittel garantiert Zinsen",
    "ginza": "無料で今すぐ登録 出会い系サイト 当選しました 現金を受け取る 限定キャンペーン 簡単に稼げる",
}
DISGUISE = " ".join(GOOD[topic] for topic in ("work", "family", "verein", "shop")).split()
LINKS = {True: ["pills-4u.example", "lucky-win.example", "secure-login.example"], False: ["shop.example", "git.example"]}


class Corpus:
    def __init__(self, seed: int):
        self.dice = random.Random(seed)
        self.made = 0

    def words(self, pool: list[str], count: int) -> list[str]:
        return [self.dice.choice(pool) for _ in range(count)]

    def message(self, junk: bool, topics: list[str] | None = None) -> tuple[str, bytes]:
        """Its sender, and the message."""
        dice = self.dice
        self.made += 1
        kinds = JUNK if junk else GOOD
        pool = kinds[dice.choice(topics or list(kinds))].split()
        size = dice.randint(25, 90)
        body = self.words(COMMON, size * 2 // 3) + self.words(pool, size // 3)
        body += ["".join(self.words(list("abcdefghijklmnopqrstuvwxyz"), 7)) for _ in range(5)]  # never seen again
        dice.shuffle(body)
        text = " ".join(body)
        if junk and dice.random() < 0.4:
            text += " " + " ".join(self.words(DISGUISE, 12))
        if dice.random() < (0.7 if junk else 0.4):
            text += f" http://{dice.choice(LINKS[junk])}/{self.made}"
        sender = f"{''.join(self.words(list('abcdefghij'), 6))}@{'junk' if junk else 'good'}{dice.randint(1, 200)}.example"
        message = EmailMessage()
        message["From"] = f"{dice.choice(['Anna', 'Bert', 'Info', 'Sales', 'Jo'])} <{sender}>"
        message["To"] = "me@demo.example"
        message["Subject"] = " ".join(self.words(pool, 2) + self.words(COMMON, 2))
        message["Message-ID"] = f"<{self.made}.{dice.getrandbits(40)}@corpus.example>"
        message.set_content(text)
        if dice.random() < 0.4:
            message.add_alternative(f"<html><body><p>{text}</p></body></html>", subtype="html")
        return sender, message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
