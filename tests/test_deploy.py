"""The files for containers: what they may do is small, and the start takes its secrets from files."""

import os
import re
import subprocess

import pytest
import yaml

from .conftest import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


@pytest.fixture
def start(tmp_path):
    """Return a function that runs the start script with these secrets, and what the command was and saw."""
    program = tmp_path / "convexplain"
    program.write_text('#!/bin/sh\necho "$*"\nenv | grep -E "PASSWORD|API_KEY" | sort\n')
    program.chmod(0o755)

    def run(**secrets):
        for name, text in secrets.items():
            (tmp_path / name).write_text(text)
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SECRETS": str(tmp_path)}
        done = subprocess.run([DEPLOY / "start.sh"], env=env, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    return run


def test_the_start_reads_secrets_from_files(start):
    assert start(admin_password="a long one\n", database_password="for PostgreSQL", judge_key="k") == [
        "dashboard --host 0.0.0.0 --port 8501",
        "CONVEXPLAIN_API_KEY=k",
        "CONVEXPLAIN_DASHBOARD_PASSWORD=a long one",
        "PGPASSWORD=for PostgreSQL",
    ]


def test_a_secret_that_is_not_there_sets_nothing(start):
    assert start() == ["dashboard --host 0.0.0.0 --port 8501"]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_has_a_read_only_root_and_no_capabilities(name):
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_passwords_are_in_files_only():
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for service in COMPOSE["services"].values():
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        assert not [key for key in service["environment"] if key.endswith("PASSWORD")]


def test_only_the_dashboard_is_published_and_on_this_machine_alone():
    published = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    assert published == {"dashboard": ["127.0.0.1:8501:8501"], "database": []}


def test_the_image_does_not_run_as_root_and_is_checked():
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert "/_stcore/health" in final


def test_the_context_holds_what_the_build_copies():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    wanted = {line[1:] for line in ignored if line.startswith("!")}
    assert wanted >= {
        "convexplain",
        "rubrics",
        "judges",
        "connectors",
        "dashboard",
        "pyproject.toml",
        "deploy/start.sh",
    }
    assert [name for name in wanted if not (ROOT / name).exists()] == []
