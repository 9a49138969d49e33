#!/usr/bin/env python3
"""The dashboard and the alerts of docs/grafana, with the real Prometheus and a real swarm."""

import json
import math
import pathlib
import re
import shutil
import subprocess
import time
import unittest
import urllib.parse
import urllib.request

from agents import Agent
from swarm import MEBIBYTE, PATIENCE, Daemon, Swarm, random_bytes

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
GRAFANA = DOCS / "grafana"
# What Grafana puts in place of its variables.
VARIABLES = {"$job": ".*", "$instance": ".*", "$__rate_interval": "5s"}


def panels():
    dashboard = json.loads((GRAFANA / "shoal.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries():
    """Panel and query -> the query as Grafana sends it."""
    found = {}
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found[f"{panel['id']} {panel['title']} {target['refId']}"] = expression
    return found


def metrics_in(text):
    return set(re.findall(r"\b(?:shoal|process)_\w+", text))


class Prometheus:
    """The real one, with the configuration and the rules of docs/grafana. `ports`: of the programs, by job."""

    def __init__(self, swarm, ports):
        folder = swarm.folder("prometheus")
        shutil.copy(GRAFANA / "alerts.yaml", folder)
        config = re.sub(r"(_interval: )\S+", r"\g<1>200ms", (GRAFANA / "prometheus.yaml").read_text())
        for job, port in ports.items():
            config = re.sub(rf"(job_name: {job}\n.*\n.*targets: ).*", rf'\1["127.0.0.1:{port}"]', config)
        (folder / "prometheus.yaml").write_text(config)
        daemon = swarm.keep(Daemon(shutil.which("prometheus"), f"--config.file={folder / 'prometheus.yaml'}",
                                   f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0"))
        self.port = int(daemon.expect(r'"Listening on" address=127\.0\.0\.1:(\d+)').group(1))
        daemon.expect("ready to receive web requests")

    def ask(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return json.load(response)["data"]

    def query(self, expression):
        """The series that have a number now, as (labels, value)."""
        found = [(series["metric"], float(series["value"][1])) for series in self.ask("query", query=expression)["result"]]
        return [(labels, value) for labels, value in found if not math.isnan(value)]

    def metrics(self):
        return set(self.ask("label/__name__/values"))

    def alerts(self):
        """(alert, job) of those that are pending or fire."""
        return {(labels["alertname"], labels["job"]) for labels, _ in self.query("ALERTS")}


@unittest.skipUnless(shutil.which("prometheus"), "the package prometheus is not installed")
class SwarmMonitoringTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.swarm = cls.enterClassContext(Swarm(tracker_flags=["--state={root}/tracker.state"]))
        shared = cls.swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 1)})
        seeder = cls.swarm.start_seeder(shared, "--http=127.0.0.1:0")
        agent = Agent(cls.swarm, "agent", "--disk=1GiB")
        agent.command("add", "model.bin")
        agent.daemon.expect("complete: .*model.bin")
        cls.prometheus = Prometheus(cls.swarm, {"shoal-tracker": cls.swarm.ports["http"], "shoal-agent": agent.port,
                                                "shoal-seeder": seeder.expect(r"http_port=(\d+)").group(1)})
        cls.await_data()

    @classmethod
    def await_data(cls):
        """Waits until every panel has data, and makes the requests whose durations it shows."""
        missing = queries()
        deadline = time.monotonic() + PATIENCE
        while missing:
            if time.monotonic() > deadline:
                raise AssertionError(f"these have no data: {json.dumps(missing, indent=1)}")
            for scheme in ("grpc", "udp"):
                cls.swarm.leecher("info", "model.bin", f"--tracker={scheme}://127.0.0.1:{cls.swarm.ports[scheme]}")
            missing = {panel: query for panel, query in missing.items() if not cls.prometheus.query(query)}

    def test_variables_have_values(self):
        dashboard = json.loads((GRAFANA / "shoal.json").read_text())
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
                values = {labels[label] for labels, _ in self.prometheus.query(selector.replace("$job", ".*"))}
                self.assertEqual(len(values), 3, variable["name"])

    def test_programs_have_every_metric_that_is_used(self):
        used = metrics_in(" ".join(queries().values())) | metrics_in((GRAFANA / "alerts.yaml").read_text())
        self.assertEqual(used - self.prometheus.metrics(), set())

    def test_every_metric_is_documented(self):
        documented = set(re.findall(r"`(\w+)(?:\{[\w, ]+\})?`", (DOCS / "operations.md").read_text()))
        for metric in self.prometheus.metrics():
            if found := re.fullmatch(r"shoal_(?:tracker|seeder|leecher|agent)_(\w+?)(?:_bucket|_sum|_count)?", metric):
                self.assertIn(found.group(1), documented, metric)

    def await_alerts(self, *expected):
        deadline = time.monotonic() + PATIENCE
        while (alerts := self.prometheus.alerts()) != set(expected):
            self.assertLess(time.monotonic(), deadline, alerts)
            time.sleep(0.1)

    def test_alerts_come_and_go_with_the_trouble(self):
        self.await_alerts()
        self.swarm.tracker.stop()
        self.await_alerts(("ShoalTrackerDown", "shoal-tracker"), ("ShoalTrackerLost", "shoal-seeder"), ("ShoalTrackerLost", "shoal-agent"))
        self.swarm.start_tracker()
        self.await_alerts()


class FilesTest(unittest.TestCase):
    def test_every_panel_says_what_it_shows(self):
        for panel in panels():
            with self.subTest(panel["title"]):
                self.assertGreater(len(panel["description"]), 20)
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                self.assertTrue(panel["targets"])
                for part in (panel, *panel["targets"]):
                    self.assertEqual(part["datasource"]["uid"], "${datasource}")

    def test_panels_do_not_overlap(self):
        taken = {}
        for panel in json.loads((GRAFANA / "shoal.json").read_text())["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertEqual(taken.setdefault((x, y), panel["title"]), panel["title"])

    def test_every_alert_is_tested_and_says_what_to_do(self):
        rules = (GRAFANA / "alerts.yaml").read_text()
        tests = (GRAFANA / "alerts_test.yaml").read_text()
        for rule in rules.split("- alert: ")[1:]:
            name = rule.split()[0]
            self.assertIn(f'alertname="{name}"', tests)
            self.assertRegex(rule, r"severity: (critical|warning|info)\n")
            self.assertRegex(rule, r"summary: \w")
            self.assertRegex(rule, r"description: >-\n +\S")

    @unittest.skipUnless(shutil.which("promtool"), "the package prometheus is not installed")
    def test_promtool_accepts_the_rules(self):
        for command in (["check", "config", "prometheus.yaml"], ["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
            ended = subprocess.run(["promtool", *command], cwd=GRAFANA, capture_output=True, text=True)
            self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main()
