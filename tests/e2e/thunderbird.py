"""Thunderbird without a window, driven by Marionette: scripts of ours run in it with all its rights.

It starts in a profile of its own, which knows no account; `add_account` makes one as its assistant would. Nothing
leaves this machine: whatever would call out is switched off.
"""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

from server import HOST, free_ports, wait_until

START_SECONDS = 120  # the first start makes the profile
SCRIPT_SECONDS = 60
DOWNLOAD_LOOK_SECONDS = 1
FOLDER_BUSY = 0x8055000A  # NS_MSG_FOLDER_BUSY
PREFERENCES = {
    "app.update.enabled": False,
    "app.donation.eoy.version.viewed": 999,
    "app.normandy.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "mail.biff.show_alert": False,
    "mail.inappnotifications.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mail.startup.enabledMailCheckOnce": True,
    "mail.winsearch.firstRunDone": True,
    "mailnews.database.global.indexer.enabled": False,
    "mailnews.start_page.enabled": False,
    "mailnews.auto_config.fetchFromISP.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
}
MODULES = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const folderOf = name => MailServices.accounts.accounts
    .map(account => account.incomingServer).find(server => server.type == "imap")
    .rootFolder.getChildNamed(name);
"""


class Thunderbird:
    def __init__(self, directory: Path):
        self.directory = directory
        self.profile = directory / "profile"
        self.profile.mkdir()
        self.port = free_ports(1)[0]
        lines = {**PREFERENCES, "marionette.port": self.port}
        (self.profile / "user.js").write_text(
            "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in lines.items())
        )
        self.process = None
        self.socket = None
        self.number = 0

    def __enter__(self) -> "Thunderbird":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    # --- the process ---

    def start(self) -> None:
        environment = {**os.environ, "HOME": str(self.directory), "MOZ_CRASHREPORTER_DISABLE": "1", "LC_ALL": "C.UTF-8"}
        command = ["thunderbird", "--headless", "--no-remote", "--profile", str(self.profile)]
        with (self.directory / "thunderbird.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--marionette", "--remote-allow-system-access"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
        self.socket = wait_until("Thunderbird", self.connect, START_SECONDS)
        self.buffer = b""
        self.receive()  # who it is
        self.ask("WebDriver:NewSession", capabilities={})
        self.ask("Marionette:SetContext", value="chrome")
        self.ask("WebDriver:SetTimeouts", script=1000 * SCRIPT_SECONDS)

    def connect(self) -> socket.socket | None:
        assert self.process.poll() is None, f"Thunderbird ended:\n{self.log()}"
        try:
            return socket.create_connection((HOST, self.port), SCRIPT_SECONDS)
        except OSError:
            return None

    def log(self) -> str:
        return (self.directory / "thunderbird.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """As a person would; what it has not written by then is its own fault."""
        if self.process is None or self.process.poll() is not None:
            return
        try:
            self.ask("Marionette:Quit", flags=["eForceQuit"])
            self.process.wait(SCRIPT_SECONDS)
        except (OSError, AssertionError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        finally:
            self.socket.close()

    def forget(self) -> None:
        shutil.rmtree(self.profile)

    # --- Marionette: LENGTH:[0, number, command, parameters], answered by LENGTH:[1, number, error, result] ---

    def receive(self):
        while b":" not in self.buffer:
            self.more()
        length, _, rest = self.buffer.partition(b":")
        while len(rest) < int(length):
            self.buffer = rest
            self.more()
            rest = self.buffer
        self.buffer = rest[int(length) :]
        return json.loads(rest[: int(length)])

    def more(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"Thunderbird ended the connection:\n{self.log()}"
        self.buffer += data

    def ask(self, command: str, **parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:" % len(text) + text)
        _, number, error, result = self.receive()
        assert number == self.number and error is None, f"{command}: {error}"
        return result["value"] if isinstance(result, dict) and "value" in result else result

    def run(self, script: str, *arguments):
        """What the script returns; its arguments are in `arguments`, folderOf(name) finds a folder."""
        return self.ask("WebDriver:ExecuteScript", script=MODULES + script, args=list(arguments), sandbox="system", newSandbox=True)

    # --- mail ---

    def add_account(self, address: str, password: str, port: int) -> None:
        """IMAP without TLS on this machine; every folder is kept for offline use."""
        self.run(
            """
            const [address, password, host, port] = arguments;
            const server = MailServices.accounts.createIncomingServer(address, host, "imap");
            server.port = port;
            server.socketType = Ci.nsMsgSocketType.plain;
            server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
            server.password = password;
            server.loginAtStartUp = true;
            server.setBoolValue("offline_download", true);
            const identity = MailServices.accounts.createIdentity();
            identity.email = address;
            const account = MailServices.accounts.createAccount();
            account.addIdentity(identity);
            account.incomingServer = server;
            MailServices.accounts.defaultAccount = account;
            server.performExpand(null);
            """,
            address, password, HOST, port,
        )  # fmt: skip
        wait_until("the folders", lambda: self.has_folder("INBOX"), SCRIPT_SECONDS)

    def has_folder(self, name: str) -> bool:
        return self.run("try { return folderOf(arguments[0]) != null; } catch { return false; }", name)

    def wait_for(self, folder: str, begin: str, seconds: float) -> None:
        """The script begins something that tells its end to `listener`."""
        self.run(
            "Services.prefs.setIntPref('posthorn.ended', -1);"
            "const listener = { QueryInterface: ChromeUtils.generateQI(['nsIUrlListener']), OnStartRunningUrl() {},"
            "    OnStopRunningUrl(url, status) { Services.prefs.setIntPref('posthorn.ended', status == 0 ? 0 : 1); } };"
            "const folder = folderOf(arguments[0]).QueryInterface(Ci.nsIMsgImapMailFolder);" + begin,
            folder,
        )  # fmt: skip
        ended = "return Services.prefs.getIntPref('posthorn.ended');"
        wait_until(folder, lambda: self.run(ended) >= 0, seconds)
        assert self.run(ended) == 0, f"{begin} failed"

    def wait_for_update(self, folder: str, seconds: float = SCRIPT_SECONDS) -> None:
        self.wait_for(folder, "folder.updateFolderWithListener(null, listener);", seconds)

    def download_all(self, folder: str, count: int, seconds: float = SCRIPT_SECONDS) -> None:
        """Until the texts of that many messages are here. It also downloads by itself, and then refuses to begin anew."""

        def all_here() -> bool:
            self.wait_for(
                folder,
                "folder.setFlag(Ci.nsMsgFolderFlags.Offline);"
                "try { folder.downloadAllForOffline(listener, null); }"
                "catch (error) { listener.OnStopRunningUrl(null, error.result == %d ? 0 : 1); }" % FOLDER_BUSY,
                seconds,
            )  # fmt: skip
            return self.counts(folder) == (count, count)

        wait_until("the messages", all_here, seconds, DOWNLOAD_LOOK_SECONDS)

    def counts(self, folder: str) -> tuple[int, int]:
        """Messages known, and those of them whose text is here."""
        return tuple(
            self.run(
                """
                let all = 0, here = 0;
                const folder = folderOf(arguments[0]);
                for (const header of folder.messages) {
                    all++;
                    here += folder.hasMsgOffline(header.messageKey) ? 1 : 0;
                }
                return [all, here];
                """,
                folder,
            )
        )  # fmt: skip

    def unread(self, folder: str) -> int:
        return self.run("return folderOf(arguments[0]).getNumUnread(false);", folder)

    def with_message(self, folder: str, subject: str, script: str) -> None:
        """The script has `folder` and the message of this subject as `message`."""
        self.run(
            "const [name, subject] = arguments; const folder = folderOf(name);"
            "const message = [...folder.messages].find(one => one.mime2DecodedSubject == subject);" + script,
            folder, subject,
        )  # fmt: skip
