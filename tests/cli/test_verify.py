"""`verify` and `baseline`: the gate without an agent, and what it judges against."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.testing.sim import Match, Respond

PASS, FAIL, UNKNOWN, PENDING, DIFFERENT = 0, 3, 4, 5, 8


def _incident(tmp_path: Path, *, alerts: bool = False) -> Path:
    path = tmp_path / "incident.yaml"
    text = "task: Mend the shop.\nnamespaces: [shop]\n"
    if alerts:
        began = datetime.now(UTC).isoformat()
        text += (
            "alerts:\n- labels: {alertname: HighRequestErrorRate, namespace: shop}\n"
            f"  startsAt: {began}\n"
        )
    path.write_text(text)
    return path


def _break(shop) -> None:
    shop.cluster.patch("Deployment", "payment", {"spec": {"replicas": 0}}, "shop")
    shop.cluster.settle()


def _verify(cli, shop, quick: list[str], *more: object) -> Any:
    return cli("verify", *shop.options, *quick, *(str(m) for m in more))


def test_a_healthy_shop_passes(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """Exit 0 after it stayed well for the window; standard error says what was waited for."""
    ran = _verify(cli, shop, quick, "--incident", _incident(tmp_path), "-o", "json")
    assert ran.code == PASS, ran.err
    report = json.loads(ran.out)
    assert (report["verdict"], report["tier"]) == ("pass", "full")
    assert "waiting: " in ran.err


def test_a_broken_shop_fails(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """Exit 3 with the violated facts."""
    _break(shop)
    ran = _verify(cli, shop, quick, "--incident", _incident(tmp_path))
    assert ran.code == FAIL
    assert ran.out.startswith("fail: ")
    assert "service-reaches-pods: Service shop/payment" in ran.out


def test_unreadable_evidence_is_unknown(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """Exit 4: a list that fails is not an empty list."""
    shop.cluster.faults.add(
        Match(server="kubernetes", resource="endpointslices"), Respond(status=403)
    )
    ran = _verify(cli, shop, quick, "--incident", _incident(tmp_path))
    assert ran.code == UNKNOWN
    assert "list EndpointSlice in shop" in ran.out


def test_what_did_not_settle_in_time_is_pending(
    cli, shop, quick: list[str], tmp_path: Path
) -> None:
    """Exit 5: one look cannot show that something stays good."""
    ran = _verify(cli, shop, quick, "--incident", _incident(tmp_path), "--wait", "0")
    assert ran.code == PENDING
    assert ran.out.startswith("pending")


def test_namespaces_alone_are_enough(cli, shop, quick: list[str]) -> None:
    """A pipeline need not write an incident file."""
    assert _verify(cli, shop, quick, "-n", "shop").code == PASS


def test_an_alert_payload_says_what_to_judge(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """The webhook's own JSON is taken as it comes; its alert does not fire any more."""
    payload = {
        "version": "4",
        "status": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "KubePodNotReady", "namespace": "shop"},
                "annotations": {"summary": "a pod is not ready"},
                "startsAt": "2026-01-01T00:00:00Z",
            }
        ],
    }
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(payload))
    ran = _verify(cli, shop, quick, "--alert-payload", path, "-o", "json")
    report = json.loads(ran.out)
    assert ran.code == PASS, ran.out
    clear = [e for e in report["evidence"] if e["check"] == "alert-clear"]
    assert clear[0]["subject"]["labels"]["alertname"] == "KubePodNotReady"


def test_a_diagnosis_names_something_that_exists(cli, shop, quick: list[str]) -> None:
    """An object that is there passes at once; one that never was fails."""
    there = ["--claim", "diagnosed", "--entity", "shop/Service/checkout"]
    assert _verify(cli, shop, quick, "-n", "shop", *there).code == PASS
    gone = ["--claim", "diagnosed", "--entity", "shop/Service/chekout"]
    assert _verify(cli, shop, quick, "-n", "shop", *gone).code == FAIL


@pytest.mark.parametrize("entity", [[], ["--entity", "checkout"]])
def test_a_diagnosis_without_an_object_is_a_wrong_command(
    cli, shop, quick: list[str], entity: list[str]
) -> None:
    """Nothing could be looked up."""
    ran = _verify(cli, shop, quick, "-n", "shop", "--claim", "diagnosed", *entity)
    assert ran.code == 2
    assert "kind/name" in ran.error


def _claims(tmp_path: Path, text: str) -> list[object]:
    path = tmp_path / "answer.json"
    path.write_text(text)
    return ["--claim-file", path]


def test_a_claim_file_is_judged_against_the_alerts(
    cli, shop, quick: list[str], tmp_path: Path
) -> None:
    """An answer in ITBench's form passes when its cause explains the alerts, and not otherwise."""
    _break(shop)
    incident = tmp_path / "incident.yaml"
    incident.write_text(
        "task: Why?\ngoal: diagnosis\nnamespaces: [shop]\nalerts:\n"
        "- labels: {alertname: HighRequestErrorRate, namespace: shop, service: checkout}\n"
    )

    def judged(cause: str) -> Any:
        answer = {"entities": [{"name": f"shop/{cause}", "contributing_factor": True}]}
        file = _claims(tmp_path, json.dumps(answer))
        return _verify(cli, shop, quick, "--incident", incident, *file, "-o", "json")

    right, wrong = judged("Deployment/payment"), judged("Deployment/catalog")
    assert right.code == PASS, right.out
    chains = [e for e in json.loads(right.out)["evidence"] if e["check"] == "alerts-accounted-for"]
    assert any("PAYMENT_URL of Deployment checkout" in e["observed"] for e in chains)
    assert wrong.code == FAIL, wrong.out


def test_a_claim_of_words_is_read_too(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """Whoever pipes an agent's answer into the gate need not turn it into JSON."""
    there = _claims(tmp_path, "Root cause: Service `checkout` in namespace shop.")
    assert _verify(cli, shop, quick, "-n", "shop", *there).code == PASS
    gone = _claims(tmp_path, "Root cause: svc/chekout")
    assert _verify(cli, shop, quick, "-n", "shop", *gone).code == FAIL


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("", [], "it is empty"),
        ("{", [], "begins like JSON"),
        ("All is well.", [], "names no object"),
        ("svc/checkout", ["--claim", "mitigated"], "--claim diagnosed"),
    ],
)
def test_a_claim_file_that_says_nothing_is_a_wrong_command(  # one argument per fixture
    cli, shop, quick: list[str], tmp_path: Path, text: str, more: list[str], said: str
) -> None:
    """Exit 2 with what is wrong, before anything is asked."""
    ran = _verify(cli, shop, quick, "-n", "shop", *_claims(tmp_path, text), *more)
    assert ran.code == 2
    assert said in ran.error


def test_a_report_replays_to_its_verdict(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """`--replay` needs no cluster, and gives the exit code of the verdict."""
    _break(shop)
    stored = tmp_path / "report.json"
    stored.write_text(_verify(cli, shop, quick, "-n", "shop", "-o", "json").out)
    shop.cluster.stop("kubernetes")
    ran = cli("verify", "--replay", stored)
    assert ran.code == FAIL
    assert ran.out.startswith("fail: ")


def test_a_report_that_was_touched_up_is_found_out(
    cli, shop, quick: list[str], tmp_path: Path
) -> None:
    """The verdict follows from the evidence, whatever the file claims: exit 8."""
    _break(shop)
    report = json.loads(_verify(cli, shop, quick, "-n", "shop", "-o", "json").out)
    stored = tmp_path / "report.json"
    stored.write_text(json.dumps({**report, "verdict": "pass", "tier": "full"}))
    ran = cli("verify", "--replay", stored, "-o", "json")
    assert ran.code == DIFFERENT
    assert json.loads(ran.out)["verdict"] == GateVerdict.FAIL
    assert "the report says pass (full), its evidence says fail" in ran.err


def test_a_report_whose_words_were_touched_up_is_told_in_its_own(
    cli, shop, quick: list[str], tmp_path: Path
) -> None:
    """The printed sentence follows from the evidence too."""
    _break(shop)
    report = json.loads(_verify(cli, shop, quick, "-n", "shop", "-o", "json").out)
    stored = tmp_path / "report.json"
    stored.write_text(json.dumps({**report, "summary": "Passed at tier full."}))
    ran = cli("verify", "--replay", stored)
    assert ran.code == FAIL
    assert "Passed" not in ran.out


def test_a_report_of_a_newer_schema_is_not_guessed_at(cli, tmp_path: Path) -> None:
    """One line that says to update, exit 2."""
    path = tmp_path / "report.json"
    path.write_text('{"schema": 99, "evidence": []}')
    ran = cli("verify", "--replay", path)
    assert ran.code == 2
    assert "report schema 99 is newer than 1" in ran.error


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"report": null}', "\x00"])
def test_something_else_than_a_report_does_not_replay(cli, tmp_path: Path, text: str) -> None:
    """One line, exit 2."""
    path = tmp_path / "report.json"
    path.write_text(text)
    ran = cli("verify", "--replay", path)
    assert ran.code == 2
    assert "not a gate report" in ran.error


def test_the_output_of_a_run_replays_too(
    cli, shop, quick: list[str], agent: Path, tmp_path: Path
) -> None:
    """Nobody has to cut the report out of `run -o json`."""
    command = ["run", f"{agent}:fine", "--task", "x", "-n", "shop", *shop.options, *quick]
    command += ["--set", "fsm.machine=none"]
    stored = tmp_path / "run.json"
    stored.write_text(cli(*command, "-o", "json").out)
    ran = cli("verify", "--replay", stored)
    assert ran.code == PASS
    assert ran.out.startswith("pass, tier full of full")


def test_a_recorded_baseline_is_what_is_judged_against(
    cli, shop, quick: list[str], tmp_path: Path
) -> None:
    """Fewer replicas than the healthy shop had fail only where that is known."""
    baseline = tmp_path / "base" / "shop.json.gz"
    baseline.parent.mkdir()
    recorded = cli("baseline", "record", "-n", "shop", "-o", baseline, *shop.options)
    assert recorded.code == 0, recorded.err
    assert "objects of shop at" in recorded.out
    shop.cluster.patch("Deployment", "frontend", {"spec": {"replicas": 1}}, "shop")
    shop.cluster.settle()
    assert _verify(cli, shop, quick, "-n", "shop").code == PASS
    ran = _verify(cli, shop, quick, "-n", "shop", "--baseline", baseline.parent)
    assert ran.code == FAIL
    assert "replicas-kept: Deployment shop/frontend" in ran.out
    assert "reference  snapshot (shop.json.gz)" in ran.out


def test_a_baseline_of_a_broken_shop_warns(cli, shop, tmp_path: Path) -> None:
    """What is not well when it is recorded is named there and then."""
    _break(shop)
    ran = cli("baseline", "record", "-n", "shop", "-o", tmp_path / "b.json", *shop.options)
    assert ran.code == 0
    assert "not well" in ran.err
    assert "Service shop/payment" in ran.err


def test_a_baseline_that_misses_a_list_is_no_baseline(cli, shop, tmp_path: Path) -> None:
    """Exit 7: no run would use it."""
    shop.cluster.faults.add(Match(server="kubernetes", resource="pods"), Respond(status=403))
    ran = cli("baseline", "record", "-n", "shop", "-o", tmp_path / "b.json", *shop.options)
    assert ran.code == 7


def test_a_baseline_of_another_kind_of_file_is_told(
    cli, shop, quick: list[str], tmp_path: Path
) -> None:
    """The file is named."""
    path = tmp_path / "b.json"
    path.write_text("{}")
    ran = _verify(cli, shop, quick, "-n", "shop", "--baseline", path)
    assert ran.code == 2
    assert f"{path}: not a snapshot" in ran.error


@pytest.mark.parametrize("body", [{"schema": 9}, {"report": {"schema": 9, "evidence": []}}])
def test_a_newer_report_is_not_judged(cli, tmp_path: Path, body: dict[str, object]) -> None:
    """A report of a later version may hold what decides its verdict where we do not look."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(body))
    ran = cli("verify", "--replay", path)
    assert ran.code == 2
    assert "report schema 9 is newer than 1; update guarded-agent" in ran.error


def test_a_pass_that_holds_is_watched_to_the_end(cli, shop, quick: list[str]) -> None:
    """Exit 0 when the time is over; the report is the one that passed."""
    ran = _verify(cli, shop, quick, "-n", "shop", "--watch", "1s", "-o", "json")
    assert ran.code == PASS, ran.err
    assert json.loads(ran.out)["verdict"] == "pass"
    assert "passed; watching for 1s" in ran.err
    assert "waiting: the watch to be over (at most 1s)" in ran.err
    assert "held after" in ran.err


def test_a_regression_under_watch_fails(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """Exit 3 long before the time is over, with the facts."""

    def break_later() -> None:
        looks = threading.Event()
        looks.wait(2.0)  # the pass comes after half a second
        _break(shop)

    breaking = threading.Thread(target=break_later)
    breaking.start()
    ran = _verify(cli, shop, quick, "-n", "shop", "--watch", "60s")
    breaking.join()
    assert ran.code == FAIL, ran.err
    assert ran.out.startswith("fail: Regressed ") or "Regressed" in ran.out
    assert "Service shop/payment" in ran.out
    assert "regressed after" in ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--watch", "10"], "not a duration"),
        (["--watch", "1m", "--replay", "x.json"], "leave out --watch"),
        (
            ["--watch", "1m", "--claim", "diagnosed", "--entity", "Service/a"],
            "a diagnosis cannot regress",
        ),
    ],
)
def test_a_watch_that_makes_no_sense_is_a_wrong_command(
    cli, shop, quick: list[str], options: list[str], said: str
) -> None:
    """One line, exit 2."""
    ran = _verify(cli, shop, quick, "-n", "shop", *options)
    assert ran.code == 2
    assert said in ran.error


def test_manifests_are_what_is_judged_against_where_nothing_was_recorded(
    cli, shop, quick: list[str], tmp_path: Path
) -> None:
    """A Service that was deleted before anybody looked; the report names its source."""
    (tmp_path / "declared").mkdir()
    (tmp_path / "declared" / "all.yaml").write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: shop}\n"
    )
    ran = _verify(
        cli, shop, quick, "-n", "shop", "--reference", tmp_path / "declared", "-o", "json"
    )
    report = json.loads(ran.out)
    assert ran.code == FAIL
    assert "Service" in report["summary"]
    assert report["reference"]["source"] == "manifests"
    assert report["reference"]["detail"].startswith("manifests of 1 objects")


def test_a_loss_that_a_person_allows_is_named(cli, shop, quick: list[str], tmp_path: Path) -> None:
    """It passes with the one who allowed it; without, the same world fails."""
    baseline = tmp_path / "healthy.json"
    recorded = cli("baseline", "record", "-n", "shop", "-o", baseline, *shop.options)
    assert recorded.code == 0, recorded.err
    shop.cluster.patch("Deployment", "payment", {"spec": {"replicas": 1}}, "shop")
    shop.cluster.settle()
    options = ["--incident", _incident(tmp_path), "--baseline", baseline]
    refused = _verify(cli, shop, quick, *options, "--wait", "0")
    allowed = ["--allow", "replicas-kept:Deployment/payment=night mode", "--allowed-by", "the lead"]
    passed = _verify(cli, shop, quick, *options, *allowed)
    assert (refused.code, passed.code) == (FAIL, PASS)
    assert "(approved by the lead: night mode)" in passed.out
