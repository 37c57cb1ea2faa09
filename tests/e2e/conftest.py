"""What the end-to-end tests share: a running server for each module, a look at its log after each test.

A module may name settings for posthorn.conf in SETTINGS.
"""

import pytest

import server as house
from clients import Home


@pytest.fixture(scope="module")
def running_server(request):
    with house.running(**getattr(request.module, "SETTINGS", {})) as running:
        yield running


@pytest.fixture
def server(running_server):
    """The module's server. No worker may die while a test uses it, unless the test says expect_deaths."""
    before = running_server.log_file.stat().st_size
    running_server.expect_deaths = False
    yield running_server
    if not running_server.expect_deaths:
        assert running_server.events("supervisor.worker_ended", before) == []
        strange = running_server.events("", before)
        assert strange == [], "these are no records of the log"


@pytest.fixture
def anna(server):
    return server.account("anna")


@pytest.fixture
def bert(server):
    return server.account("bert")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure is told with the end of the server's log."""
    report = (yield).get_result()
    running = item.funcargs.get("running_server") if hasattr(item, "funcargs") else None
    if report.failed and running is not None and hasattr(report.longrepr, "addsection"):
        text = running.log_tail() if running.log_file.exists() else "(gone)"
        report.longrepr.addsection("the server's log ends", text)
