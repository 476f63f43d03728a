"""``python -m tests.grafana.pictures``: pictures of the dashboards, drawn by Grafana's own panel library.

By hand, where npm and chromium are: the library is 400 MB, kept in .cache/pictures. Heat maps and states are not in it.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.grafana import fleet, servers, stage
from tests.grafana.boards import FILES, asked, load
from tests.grafana.grafana import choose, result
from tests.grafana.history import HOUR, STATES, Clock

HERE, CACHE = Path(__file__).parent, servers.ROOT / ".cache/pictures"
PICTURES = {"fleet": "dark", "pair": "dark", "databases": "light", "n8n": "dark", "exporter": "light"}
"""Those in docs/, of the faulty fleet, and their colours. All others are for looking at, and stay in the cache."""
FIRST_SCREEN = 690
"""Pixels of the one that the README shows."""
_STEP = 30
_BUNDLE = [
    *(
        "--bundle",
        "--jsx=automatic",
        "--minify",
        "--log-level=error",
        "--external:monaco-editor",
        "--loader:.ttf=empty",
    ),
    *("--loader:.svg=dataurl", "--loader:.png=dataurl", '--define:process.env.NODE_ENV="production"'),
    *("--define:global=window", f"--alias:react-custom-scrollbars-2={HERE}/scrollbars.jsx"),
]


def _bundled() -> tuple[str, str]:
    """Return the script and the style of a page; the library is installed first, where it is not yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (CACHE / "node_modules").exists():
        shutil.copy(HERE / "package.json", CACHE)
        subprocess.run(["npm", "install", "--ignore-scripts", "--legacy-peer-deps"], cwd=CACHE, check=True)
    modules = CACHE / "node_modules"
    command = [str(modules / ".bin/esbuild"), str(HERE / "page.jsx"), f"--outdir={CACHE}/bundle", *_BUNDLE]
    subprocess.run(command, check=True, env={**os.environ, "NODE_PATH": str(modules)})
    return (CACHE / "bundle/page.js").read_text("utf-8"), (CACHE / "bundle/page.css").read_text("utf-8")


def _dashboards() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each dashboard in each state by its name, with the answers of a server to its queries."""
    hosts = fleet.three().hosts
    wanted = {"source": hosts[0].name, "target": hosts[1].name, "probe": "ping"}
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.victoria_metrics(Path(folder), servers.GENERATIONS[-1]) as server,
    ):
        stage.fill(server, fleet.three(), Clock(_STEP, 60))
        for file, (state, at) in itertools.product(FILES, STATES.items()):
            board = load(file)
            chosen = choose(server, board, wanted, at)
            answers = {each.key: result(server, each, chosen, _STEP, at) for each in asked(board)}
            repeated = {each.repeated: chosen.firsts[each.repeated] for each in asked(board) if each.repeated}
            span = {"begin": at - HOUR, "end": at, "step": _STEP}
            data = {"board": board, "answers": answers, "chosen": chosen.texts | repeated, "range": span}
            yield file.stem, state, data


def _page(script: str, style: str, dashboard: dict[str, Any]) -> str:
    data = json.dumps(dashboard).replace("<", "\\u003c")
    style = f"body{{margin:0;font:13px Inter,sans-serif}}{style}"
    boot = "window.grafanaBootData={settings:{featureToggles:{},buildInfo:{}},user:{}}"
    script = f"{boot};window.DASHBOARD={data};{script}".replace("</script", "<\\/script")
    return f"<!doctype html><meta charset=utf-8><style>{style}</style><div id=root></div><script>{script}</script>"


def _drawn(browser: Browser, page: str, picture: Path) -> bytes:
    """Draw a page as a picture, and return its first screen; fails if the page has an error."""
    tab = browser.new_page(viewport={"width": 1440, "height": FIRST_SCREEN})
    tab.on("pageerror", _fail)
    (CACHE / "page.html").write_text(page, "utf-8")
    tab.goto(f"file://{CACHE}/page.html")
    tab.wait_for_timeout(2000)
    tab.screenshot(path=picture, full_page=True)
    first_screen = tab.screenshot()
    tab.close()
    return first_screen


def _fail(error: Exception) -> None:
    raise AssertionError(f"a page has an error: {error}")


def main() -> None:
    """Draw each dashboard healthy and faulty, dark and light; those that are in docs/ are put there."""
    script, style = _bundled()
    docs = servers.ROOT / "docs"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for (uid, state, dashboard), mode in itertools.product(_dashboards(), ("dark", "light")):
            name, picture = uid.rpartition("-")[2], CACHE / f"{uid}-{state}-{mode}.png"
            first_screen = _drawn(browser, _page(script, style, dashboard | {"mode": mode}), picture)
            if (state, mode) == ("faulty", PICTURES[name]):
                shutil.copy(picture, docs / f"dashboard-{name}.png")
                if name == "fleet":
                    (docs / "dashboards.png").write_bytes(first_screen)
        browser.close()


if __name__ == "__main__":
    main()
