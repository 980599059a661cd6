"""A headless Chromium that tests drive: true key presses, a phone's or a desk's width, light or dark, no network."""

import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--mute-audio",
    "--remote-debugging-pipe",
]  # fmt: skip
PATIENCE = 600  # seconds after which a silent browser is taken as dead; a busy machine is no failure
KEYS = {"Tab": 9, "Enter": 13, " ": 32}


START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """Speaks the DevTools protocol through the file descriptors 3 and 4, as --remote-debugging-pipe has it."""

    def __init__(self, profile: Path) -> None:
        self.requested: list[str] = []  # every address that pages asked for
        self._numbers = itertools.count(1)
        self._unread = b""
        self._session: str | None = None
        theirs, self._to = os.pipe()
        self._from, answers = os.pipe()
        free = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs, answers)]  # one of them may be 3 or 4 itself
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", START, *map(str, free), *command],
            pass_fds=free, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for end in (theirs, answers, *free):
            os.close(end)
        try:
            target = self._ask("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self._ask("Page.enable")
            self._ask("Network.enable")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._to)
        os.close(self._from)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def open(self, page: Path, width: int = 1280, scheme: str = "light") -> None:
        """Shows a file at a window's width, in the "light" or "dark" scheme."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **size)
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._ask("Page.navigate", url=page.as_uri())
        self.run("new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))")

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is awaited. Raises AssertionError with what the page threw."""
        options = {"awaitPromise": True, "returnByValue": True, "userGesture": True}
        done = self._ask("Runtime.evaluate", expression=script, **options)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key: str) -> None:
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            shown = {"text": text} if kind == "keyDown" and text else {}
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **shown)

    def type(self, text: str) -> None:
        self._ask("Input.insertText", text=text)

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self._note(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(message["params"]["request"]["url"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], PATIENCE)
            received = os.read(self._from, 1 << 20) if ready else b""
            assert received, "the browser is silent or gone"
            self._unread += received
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)
