"""Files that must not start: exit code 2, and a message that says where, what, and what was probably meant."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from harness.certificates import expire, make_certificate
from harness.ports import free_port
from harness.server import Server, run_command

GOOD = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: {root}
http:
  addr: {addr}
notifications:
  endpoints:
    - name: main
      url: http://127.0.0.1:1/events
      timeout: 2s
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yml"
    path.write_text(GOOD.format(root=tmp_path / "data", addr=f"127.0.0.1:{free_port()}"))
    return path


def both_refuse(path: Path, *patterns: str) -> None:
    """check and serve say the same, and nothing was made in the data folder."""
    for command in ("check", "serve"):
        done = run_command(command, str(path))
        said = done.stdout + done.stderr
        assert done.returncode == 2, f"{command}: exit {done.returncode}\n{said}"
        for pattern in patterns:
            assert re.search(pattern, said), f"{command}: no {pattern!r} in\n{said}"
    assert not (path.parent / "data").exists()


def odd(tmp_path: Path, kind: str) -> tuple[Path, str]:
    """What is no file of a bearable size, and how it is called."""
    path = tmp_path / "odd"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as out:
            out.truncate(10 << 30)
        return path, "is larger than"
    else:
        return Path("/dev/zero"), "is a device"
    return path, f"is a {kind}"


ODD = ("pipe", "folder", "device", "large")


@pytest.mark.parametrize("kind", ODD)
def test_a_configuration_that_is_no_file(tmp_path: Path, kind: str) -> None:
    path, what = odd(tmp_path, kind)
    both_refuse(path, f"{path}: error: {what}")


@pytest.mark.parametrize("kind", ODD)
def test_a_file_of_an_endpoint_that_is_none(file: Path, tmp_path: Path, kind: str) -> None:
    path, what = odd(tmp_path, kind)
    good = file.read_text()
    for key in ("ca", "certificate", "key"):
        file.write_text(good + f"      tls: {{{key}: {path}}}\n")
        both_refuse(file, rf"tls\.{key}: \".*\" {what}")
    file.write_text(good + f'      headers: {{Authorization: "${{file:{path}}}"}}\n')
    both_refuse(file, f'headers.Authorization: .*"{path}" .*{what}')


@pytest.mark.parametrize("kind", ODD)
def test_a_file_of_the_server_that_is_none(file: Path, tmp_path: Path, kind: str) -> None:
    path, what = odd(tmp_path, kind)
    tls = f"  tls: {{certificate: {path}, key: {path}, clientcas: [{path}]}}\nnotifications:"
    file.write_text(file.read_text().replace("notifications:", tls))
    both_refuse(file, *(rf"tls\.{key}: \".*\" {what}" for key in ("certificate", "key", "clientcas")))


def test_a_good_file_passes(file: Path) -> None:
    done = run_command("check", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{file}: ok" in done.stdout


URL = "      url: http://127.0.0.1:1/events\n"

# What to replace, by what, and what must be said: line:column: error: key: message.
CASES = {
    "broken YAML": ("addr: {addr}", "addr: [127.0.0.1", r"config\.yml:\d+:\d+: error: "),
    "tab as indentation": ("  addr:", "\taddr:", r"config\.yml:\d+:\d+: error: "),
    "not a map": ("version: 0.1", "- version", r"error: "),
    "version missing": ("version: 0.1\n", "", r"error: version: "),
    "unknown version": ("version: 0.1", "version: 9.9", r"config\.yml:1:\d+: error: version: "),
    "storage missing": ("storage:\n  filesystem:\n    rootdirectory: {root}\n", "", r"error: storage: is missing"),
    "wrong type": ("timeout: 2s", "timeout: [2s]", r":11:\d+: error: notifications\.endpoints\[0\]\.timeout: "),
    "word for a number": ("timeout: 2s", "threshold: many", r":11:\d+: error: notifications\.endpoints\[0\]\.threshold: "),
    "no unit": ("timeout: 2s", "timeout: 5", r":11:\d+: error: notifications\.endpoints\[0\]\.timeout: .*5s"),
    "unknown unit": ("timeout: 2s", "timeout: 2d", r":11:\d+: error: notifications\.endpoints\[0\]\.timeout: "),
    "unknown key": ("timeout: 2s", "treshold: 5", r"endpoints\[0\]\.treshold: .*threshold"),
    "unknown action": ("timeout: 2s", "ignore: {{actions: [pusch]}}", r"'?pusch'?.* is no action.*push"),
    "endpoint without url": (URL, "", r"notifications\.endpoints\[0\]\.url: is missing"),
    "endpoint without name": ("- name: main\n      url", "- url", r"notifications\.endpoints\[0\]\.name: is missing.*127\.0\.0\.1"),
    "impossible url": ("http://127.0.0.1:1/events", "ftp://host/", r"endpoints\[0\]\.url: .*http or https"),
    "url without scheme": ("http://127.0.0.1:1/events", "host/path", r"endpoints\[0\]\.url: has no scheme"),
    "unknown type": ("timeout: 2s", "type: kafca", r"endpoints\[0\]\.type: .*did you mean kafka"),
    "unknown format": ("timeout: 2s", "format: harbour", r"endpoints\[0\]\.format: .*did you mean harbor"),
    "a glob that nothing fits": ("timeout: 2s", "only: {{repositories: [Team/*]}}", r"only\.repositories: .*fits nothing"),
    "a checkpoint as docker-v1": ("timeout: 2s", "only: {{actions: [checkpoint]}}", r"only\.actions: .*format: cloudevents"),
    "hmac without a secret": ("timeout: 2s", "hmac: {{header: X-A}}", r"endpoints\[0\]\.hmac\.secret: is missing"),
    "debounce without collapse": ("timeout: 2s", "debounce: 5s", r"endpoints\[0\]\.debounce: .*collapse"),
    "kafka without brokers": (URL, "      type: kafka\n      topic: t\n", r"endpoints\[0\]\.brokers: is missing"),
    "kafka with a url": ("timeout: 2s", "type: kafka\n      brokers: [h:1]\n      topic: t", r"\[0\]\.url: means nothing for type: kafka"),
    "a topic of a pushed name": (URL, "      type: kafka\n      brokers: h:1\n      topic: '{{{{tag}}}}'\n", r"\[0\]\.topic: .*no pushed name"),
    "a property that has a key": (URL, "      type: kafka\n      brokers: h:1\n      topic: t\n      properties: {{sasl.password: x}}\n",
                                  r"properties\.sasl\.password: .*below sasl"),
    "unknown preset": ("timeout: 2s", "type: ci\n      preset: gitlap", r"endpoints\[0\]\.preset: .*gitlab"),
    "ci without its words": ("timeout: 2s", "type: ci\n      preset: gitlab", r"endpoints\[0\].*project is missing"),
    "unknown word of ci": ("timeout: 2s", "type: ci\n      preset: gitlab\n      projekt: 4", r"\[0\]\.projekt: .*project"),
    "audit without a folder": (URL, "      type: audit\n", r"endpoints\[0\]\.directory: is missing"),
    "audit in a relative folder": (URL, "      type: audit\n      directory: logs\n", r"\[0\]\.directory: .*absolute"),
    "a source with a scheme": ("  endpoints:", "  source: https://r.example\n  endpoints:", r"notifications\.source: is a URL"),
    "strict without pulls": ("notifications:", "audit: strict\nnotifications:\n  events: {{pull: off}}", r"error: audit: .*pull: off"),
    "port too large": ("addr: {addr}", "addr: 127.0.0.1:99999", r":6:\d+: error: http\.addr: .*65535"),
    "no port": ("addr: {addr}", "addr: 127.0.0.1", r"http\.addr: .*has no port"),
    "impossible address": ("addr: {addr}", "addr: 300.1.1.1:5000", r"http\.addr: 300\.1\.1\.1 is no IPv4 address"),
    "unreadable certificate": ("addr: {addr}", "addr: {addr}\n  tls: {{certificate: /none.crt, key: /none.key}}",
                               r"http\.tls\.certificate: .*/none\.crt.* does not exist"),
    "key without certificate": ("addr: {addr}", "addr: {addr}\n  tls: {{key: {file}}}", r"http\.tls\.key: .*certificate is missing"),
    "other storage": ("  filesystem:\n    rootdirectory: {root}", "  s3: {{bucket: x}}", r"storage\.s3: .*does not work here"),
    "protected registry": ("version: 0.1", "version: 0.1\nauth: {{token: {{realm: x, service: y, issuer: z}}}}", r"error: auth"),
    "proxy": ("version: 0.1", "version: 0.1\nproxy: {{remoteurl: https://registry.example.com}}", r"error: proxy"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(file: Path, case: str) -> None:
    old, new, pattern = CASES[case]
    values = {"root": file.parent / "data", "addr": f"127.0.0.1:{free_port()}", "file": file}
    assert old in GOOD
    file.write_text(GOOD.replace(old, new).format(**values))
    both_refuse(file, pattern)


def test_all_mistakes_at_once(file: Path) -> None:
    text = file.read_text().replace("timeout: 2s", "timeout: never").replace("version: 0.1", "version: 2")
    file.write_text(text.replace("http://127.0.0.1:1/events", "nowhere"))
    both_refuse(file, r"error: version: ", r"\[0\]\.timeout: ", r"\[0\]\.url: ")


def test_two_endpoints_of_one_name(file: Path) -> None:
    file.write_text(file.read_text() + "    - name: main\n      url: http://127.0.0.1:2/\n")
    both_refuse(file, r"notifications\.endpoints\[1\]\.name: 'main'.*taken|\[1\]\.name: \"main\".*taken|\[1\]\.name: .*taken")


def test_a_certificate_that_is_none(file: Path, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    certificate.write_text("no certificate\n")
    file.write_text(file.read_text().replace("http:\n", f"http:\n  tls: {{certificate: {certificate}, key: {key}}}\n", 1))
    done = run_command("serve", str(file))
    assert done.returncode == 2 and str(certificate) in done.stdout + done.stderr


@pytest.mark.parametrize("case", ["http", "webhook", "kafka"])
def test_a_key_of_another_certificate(file: Path, tmp_path: Path, case: str) -> None:
    certificate, _ = make_certificate(tmp_path)
    _, key = make_certificate(tmp_path, "other")
    tls = f"tls: {{certificate: {certificate}, key: {key}}}"
    if case == "http":
        file.write_text(file.read_text().replace("http:\n", f"http:\n  {tls}\n", 1))
    elif case == "webhook":
        file.write_text(file.read_text().replace("http://", "https://") + f"      {tls}\n")
    else:
        file.write_text(file.read_text() + f"    - {{name: k, type: kafka, brokers: h:1, topic: t, {tls}}}\n")
    done = run_command("check", str(file))
    assert done.returncode == 2, done.stdout
    assert re.search(r"config\.yml:\d+:\d+: error: .*\.tls\.key: key .* does not belong to certificate", done.stdout), done.stdout
    assert run_command("serve", str(file)).returncode == 2


def test_cipher_suites_that_openssl_has_not(file: Path, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = f"tls: {{certificate: {certificate}, key: {key}, ciphersuites: [TLS_RSA_WITH_RC4_128_SHA]}}"
    file.write_text(file.read_text().replace("http:\n", f"http:\n  {tls}\n", 1))
    done = run_command("check", str(file))
    assert done.returncode == 2 and re.search(r"yml:\d+:\d+: error: http\.tls\.ciphersuites: ", done.stdout), done.stdout
    assert run_command("serve", str(file)).returncode == 2


@pytest.mark.parametrize("properties, key", [("ssl.cipher.suites: NONE", "ssl.cipher.suites"), ("reconnect.backoff.ms: 5000", "reconnect.backoff.ms")])
def test_properties_that_librdkafka_refuses_together(file: Path, properties: str, key: str) -> None:
    file.write_text(file.read_text() + f"    - {{name: k, type: kafka, brokers: h:1, topic: t, tls: {{}}, properties: {{{properties}}}}}\n")
    done = run_command("check", str(file))
    assert done.returncode == 2, done.stdout
    assert re.search(rf"yml:\d+:\d+: error: notifications\.endpoints\[1\]\.properties\.{re.escape(key)}: ", done.stdout), done.stdout
    assert run_command("serve", str(file)).returncode == 2


def test_a_storage_folder_that_cannot_be_made(file: Path) -> None:
    file.write_text(file.read_text().replace("rootdirectory: ", f"rootdirectory: {file}/below #", 1))
    done = run_command("check", str(file))
    assert done.returncode == 2, done.stdout
    assert re.search(r"yml:\d+:\d+: error: storage\.filesystem\.rootdirectory: .*: Not a directory", done.stdout), done.stdout
    assert run_command("serve", str(file)).returncode == 2


@pytest.mark.parametrize("place", ["a folder", "in a missing folder", "no database", "in the kernel's files"])
def test_a_database_that_cannot_be_kept(file: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database" * 100)
    path = {"a folder": tmp_path / "folder", "in a missing folder": tmp_path / "missing/x.db", "no database": tmp_path / "text",
            "in the kernel's files": Path("/proc/x.db")}[place]
    file.write_text(file.read_text() + f"store: {{path: {path}}}\n")
    before = sorted(tmp_path.rglob("*"))
    done = run_command("check", str(file))
    assert done.returncode == 2, done.stdout
    assert re.search(r"yml.*: error: store\.path: ", done.stdout), done.stdout
    assert sorted(tmp_path.rglob("*")) == before, "check writes nothing"
    served = run_command("serve", str(file))
    assert served.returncode != 0, served.stdout + served.stderr


def test_a_storage_folder_in_the_kernels_files(file: Path) -> None:
    file.write_text(file.read_text().replace("rootdirectory: ", "rootdirectory: /proc/x #", 1))
    done = run_command("check", str(file))
    assert done.returncode == 2 and re.search(r"yml:4:\d+: error: storage\.filesystem\.rootdirectory: ", done.stdout), done.stdout
    assert run_command("serve", str(file)).returncode != 0


def test_an_expired_certificate_is_a_warning(file: Path, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    expire(certificate, key)
    file.write_text(file.read_text().replace("http:\n", f"http:\n  tls: {{certificate: {certificate}, key: {key}}}\n", 1))
    done = run_command("check", str(file))
    assert done.returncode == 0 and re.search(r"yml:\d+:\d+: warning: http\.tls\.certificate: has expired at ", done.stdout), done.stdout


def test_secrets_are_never_shown(file: Path) -> None:
    """Whatever is wrong around them."""
    file.write_text(file.read_text() + """\
    - {name: a, url: "ftp://u:hunter2@h/", hmac: hunter2}
    - {name: b, type: kafka, brokers: "https://u:hunter2@h", topic: t, sasl: {password: [hunter2]}, properties: {acks: hunter2}}
    - {name: c, type: ci, preset: gitlab, token: {a: hunter2}, routes: [{token: hunter2}]}
    - {name: d, type: kafca, sasl: {password: hunter2}}
""")
    both_refuse(file, r"endpoints\[1\]\.hmac: ", r"endpoints\[2\]\.sasl", r"endpoints\[3\]\.token: ", r"endpoints\[4\]\.type: ")
    for command in ("check", "serve"):
        done = run_command(command, str(file))
        assert "hunter2" not in done.stdout + done.stderr


def test_check_asks_for_an_anchor_and_a_source(file: Path) -> None:
    audit = f"    - {{name: log, type: audit, directory: {file.parent / 'audit'}}}\n"
    file.write_text(file.read_text() + audit + "    - {name: k, type: kafka, brokers: h:1, topic: t}\n")
    done = run_command("check", str(file))
    assert done.returncode == 0, done.stdout
    assert re.search(r'warning: notifications\.endpoints: .*"log".*checkpoint', done.stdout), done.stdout
    assert re.search(r'warning: notifications\.source: .*"k"', done.stdout), done.stdout


def test_a_missing_file() -> None:
    done = run_command("check", "/nowhere/config.yml")
    assert done.returncode == 2 and "/nowhere/config.yml" in done.stdout + done.stderr


def test_unknown_keys_elsewhere_fail_check_only(file: Path) -> None:
    file.write_text(file.read_text() + "novelty: true\n")
    done = run_command("check", str(file))
    assert done.returncode == 2 and "novelty" in done.stdout
    server = Server(file.parent / "server", changes={"novelty": True})
    with server.start():
        assert "novelty" in server.log()


def test_environment_overrides(file: Path) -> None:
    done = run_command("check", str(file), environment={"REGISTRY_HTTP_ADDR": "127.0.0.1:99999"})
    assert done.returncode == 2 and "REGISTRY_HTTP_ADDR" in done.stdout
    done = run_command("check", str(file), environment={"REGISTRY_PORT": "tcp://10.0.0.1:5000"})
    assert done.returncode == 0, done.stdout
    endpoints = "[{name: a, url: 'http://127.0.0.1:1/', timeout: 500}]"
    done = run_command("check", str(file), environment={"REGISTRY_NOTIFICATIONS_ENDPOINTS": endpoints})
    assert done.returncode == 0 and re.search(r"timeout: .*500ms", done.stdout), done.stdout


@pytest.mark.parametrize("timeout, backoff", [("500", "1000"), ("'500ms'", "'1s'")])
def test_gitlabs_examples_mean_what_they_meant(file: Path, timeout: str, backoff: str) -> None:
    text = file.read_text().replace("timeout: 2s", f"timeout: {timeout}\n      threshold: 5\n      backoff: {backoff}\n"
                                    "      disabled: false\n      headers: <http.Header>")
    if timeout == "'500ms'":
        text = text.replace("headers: <http.Header>", 'headers:\n        "Authorization": ["AUTHORIZATION_EXAMPLE_TOKEN"]')
    else:
        text = text.replace("      headers: <http.Header>", "")
    file.write_text(text)
    done = run_command("check", str(file))
    assert done.returncode == 0, done.stdout
    warned = re.findall(r"warning: notifications\.endpoints\[0\]\.(?:timeout|backoff): .*", done.stdout)
    assert len(warned) == (2 if timeout == "500" else 0), done.stdout
    if warned:
        assert "500ms" in warned[0] and "1s" in warned[1]


@pytest.mark.parametrize("arguments", [[], ["serve"], ["dance"], ["serve", "--none", "x.yml"]])
def test_wrong_command_lines(arguments: list[str]) -> None:
    done = run_command(*arguments)
    assert done.returncode == 2 and done.stdout + done.stderr


def test_version() -> None:
    done = run_command("version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+\.\d+", done.stdout)
