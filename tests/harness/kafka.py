"""A real Kafka broker in KRaft mode, and its records as kcat reads them.

Its jars come from Maven Central once and are kept in ~/.cache/portcall-tests. As a program it runs one broker until it
is told to end: python3 -m harness.kafka FOLDER [PORT]
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from harness import wait
from harness.kafka_records import Record, UnknownEnd, ends_of, record_of
from harness.ports import free_port

if TYPE_CHECKING:  # the examples run without it
    import pytest

# With librdkafka before 2.6.1, SCRAM against Kafka 4 fails.
VERSION = "3.9.2"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "portcall-tests" / f"kafka-{VERSION}"
PATIENCE = float(os.environ.get("PORTCALL_PATIENCE", "30"))
PARTITIONS = 6
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
CLUSTER = "cG9ydGNhbGwtdGVzdHMtMQ"
USER, PASSWORD = "portcall", "correct-horse"

_EXCLUDED = "".join(f"<exclusion><groupId>org.apache.kafka</groupId><artifactId>{name}</artifactId></exclusion>"
                    for name in ("connect-runtime", "connect-api", "connect-json"))
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>portcall.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version>
      <exclusions>{_EXCLUDED}</exclusions></dependency>
  </dependencies>
</project>
"""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/logs
num.partitions={partitions}
auto.create.topics.enable=true
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# Else a broker that was killed has to wait until its old registration has gone.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# Everybody may do everything until forbid() says otherwise; who comes without TLS always may.
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={folder}/keystore.pem
"""

_LOG4J = """\
log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
"""


class Unavailable(Exception):
    """This machine lacks a part of the broker; which one and why."""


def program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise Unavailable(f"{name} is not installed")


def jars() -> Path:
    """The folder with the broker and its tools; fetched by the first who asks."""
    if CACHE.exists():
        return CACHE
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with (CACHE.parent / f"{CACHE.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if CACHE.exists():
            return CACHE
        fresh = CACHE.with_name(CACHE.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        (fresh / "pom.xml").write_text(_POM)
        command = [program("mvn"), "-B", "-q", COPY, "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        try:
            subprocess.run(command, cwd=fresh, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=600, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
            raise Unavailable(f"the jars of Kafka {VERSION} cannot be had: {failure} {str(failure.output)[-800:]}") from failure
        fresh.rename(CACHE)
    return CACHE


SMALL = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # starts quickly; for a measurement too slow


def java(main: str, *arguments: str | Path, options: tuple[str, ...] = SMALL) -> list[str]:
    return [program("java"), *options, "-cp", f"{jars()}/*", main, *map(str, arguments)]


def tool(main: str, *arguments: str | Path, stdin: str = "", seconds: float = 60, options: tuple[str, ...] = SMALL) -> str:
    """Runs one of Kafka's own command-line programs to its end."""
    command = java(main, *arguments, options=options)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{main}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


class Broker:
    """One data folder and the process that runs now. A record that was acknowledged survives kill()."""

    def __init__(self, folder: Path, port: int = 0, options: tuple[str, ...] = SMALL):
        self.folder, self.options = folder, options
        self.port, self.secure_port, self.controller_port = port or free_port(), free_port(), free_port()
        self.log_path = folder / "broker.log"
        self.process: subprocess.Popen[bytes] | None = None
        program("kcat")
        program("java")
        folder.mkdir(parents=True, exist_ok=True)
        self._certificate()
        self.properties = folder / "server.properties"
        self.properties.write_text(_PROPERTIES.format(
            folder=folder, plain=self.port, secure=self.secure_port, controller=self.controller_port, partitions=PARTITIONS))
        (folder / "log4j.properties").write_text(_LOG4J)

    def _certificate(self) -> None:
        self.ca, key = self.folder / "ca.pem", self.folder / "key.pem"
        subprocess.run(
            [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", key, "-out", self.ca],
            check=True, capture_output=True, timeout=60)
        (self.folder / "keystore.pem").write_text(key.read_text() + self.ca.read_text())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def secure_address(self) -> str:
        """TLS with SCRAM-SHA-256, for USER with PASSWORD."""
        return f"127.0.0.1:{self.secure_port}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> Broker:
        if self.running:
            return self
        if not (self.folder / "logs").exists():
            tool("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", self.properties,
                 "--add-scram", f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]")
        logging = f"-Dlog4j.configuration=file:{self.folder / 'log4j.properties'}"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(java("kafka.Kafka", self.properties, options=(logging, *self.options)),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait.until(self._answers, "the broker answers", PATIENCE * 2, pause=0.1)
        except BaseException:
            self.kill()
            raise
        return self

    def _answers(self) -> bool:
        assert self.running, f"the broker ended at start:\n{self.log()[-3000:]}"
        return bool(self._kcat("-L", "-m", "2", check=False))

    def kill(self) -> None:
        """SIGKILL; the process is gone when this returns."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """A clean end, which takes Kafka some seconds."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self.kill()
        if failed is not None:
            print(f"--- the broker's log\n{self.log()[-4000:]}")

    def _kcat(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        done = subprocess.run([program("kcat"), "-b", self.address, *arguments], input=stdin, capture_output=True, text=True,
                              timeout=PATIENCE * 2)
        assert not check or done.returncode == 0, f"kcat {arguments}: {done.stderr[-1000:]}"
        return done.stdout if done.returncode == 0 else ""

    def topics(self) -> set[str]:
        return {topic["topic"] for topic in json.loads(self._kcat("-L", "-J"))["topics"]}

    def create(self, *topics: str) -> None:
        """With PARTITIONS partitions each; the broker makes what a client names for the first time."""
        for topic in topics:
            def there(name: str = topic) -> bool:
                (entry,) = json.loads(self._kcat("-L", "-J", "-t", name))["topics"]
                return len(entry["partitions"]) == PARTITIONS and all(p["leader"] == 1 for p in entry["partitions"])

            wait.until(there, f"topic {topic} is there", PATIENCE, pause=0.1)

    def create_with(self, topic: str, partitions: int = PARTITIONS, **settings: object) -> None:
        """Settings as Kafka names them, with _ for the dots."""
        configs = [word for name, value in settings.items() for word in ("--config", f"{name.replace('_', '.')}={value}")]
        tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--create", "--topic", topic,
             "--partitions", str(partitions), "--replication-factor", "1", *configs)

    def delete(self, topic: str) -> None:
        tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--delete", "--topic", topic)
        wait.until(lambda: topic not in self.topics(), f"topic {topic} is gone", PATIENCE, pause=0.1)

    def configure(self, topic: str, **settings: object) -> None:
        """Of a topic that is there; as create_with()."""
        changes = ",".join(f"{name.replace('_', '.')}={value}" for name, value in settings.items())
        tool("kafka.admin.ConfigCommand", "--bootstrap-server", self.address, "--alter", "--topic", topic, "--add-config", changes)

    def forbid(self, *topics: str, operation: str = "Write") -> None:
        """To USER, until allow(); who else comes over TLS may neither read nor write then."""
        self._acl("--add", topics, operation)

    def allow(self, *topics: str, operation: str = "Write") -> None:
        """Takes back what forbid() said."""
        self._acl("--remove", topics, operation, "--force")

    def forbid_producers(self) -> None:
        """Idempotent ones of USER, and that he writes to any topic, which would admit them too; until allow_producers()."""
        for rule in self._NO_PRODUCERS:
            self._acl_of("--add", *rule)

    def allow_producers(self) -> None:
        for rule in self._NO_PRODUCERS:
            self._acl_of("--remove", "--force", *rule)

    # As soon as there is a rule for topics, what no rule allows is forbidden.
    _NO_PRODUCERS = (("--cluster", "--deny-principal", f"User:{USER}", "--operation", "IdempotentWrite"),
                     ("--topic", "*", "--deny-principal", f"User:{USER}", "--operation", "Write"),
                     ("--topic", "*", "--allow-principal", f"User:{USER}", "--operation", "Describe"))

    def _acl(self, change: str, topics: tuple[str, ...], operation: str, *more: str) -> None:
        named = [word for topic in topics for word in ("--topic", topic)]
        self._acl_of(change, *more, *named, "--deny-principal", f"User:{USER}", "--operation", operation)

    def _acl_of(self, change: str, *rule: str) -> None:
        tool("kafka.admin.AclCommand", "--bootstrap-server", self.address, change, *rule)

    def produce_by_java(self, topic: str, records: list[tuple[str, str]]) -> None:
        """Keys and values without tabs and line breaks, as Java's own producer partitions them."""
        lines = "".join(f"{key}\t{value}\n" for key, value in records)
        tool("kafka.tools.ConsoleProducer", "--bootstrap-server", self.address, "--topic", topic,
             "--property", "parse.key=true", "--property", "key.separator=\t", stdin=lines)

    def count(self, topic: str) -> int:
        """Records, by the ends of the partitions; all of which must be known."""
        numbers = self.partitions(topic)
        asked = json.loads(self._kcat("-Q", "-J", *(word for p in numbers for word in ("-t", f"{topic}:{p}:-1"))))
        return sum(ends_of(asked, topic, numbers))

    def partitions(self, topic: str) -> list[int]:
        entries = [entry for entry in json.loads(self._kcat("-L", "-J"))["topics"] if entry["topic"] == topic]
        assert len(entries) == 1 and entries[0]["partitions"], f"{topic} is not there: {entries}"
        return [part["partition"] for part in entries[0]["partitions"]]

    def records(self, topic: str, most: int = 0) -> list[Record]:
        """The topic's, each partition's in its order; all of them, or no more than `most`."""
        limit = ("-c", str(most)) if most else ()

        def read() -> list[Record]:
            lines = self._kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", "-X", "fetch.wait.max.ms=20", *limit)
            found = [record_of(json.loads(line)) for line in lines.splitlines()]
            return sorted(found, key=lambda one: (one.partition, one.offset))

        if most:
            return read()
        found: list[Record] = []

        # kcat may take a partition for read to its end before it has fetched from it; the broker knows where that is.
        def complete() -> bool:
            found[:] = read()
            try:
                return len(found) >= self.count(topic)
            except UnknownEnd:
                return False

        wait.until(complete, f"{topic} is read to its end", PATIENCE, pause=0.1)
        return found

    def wait_records(self, topic: str, count: int, seconds: float = PATIENCE) -> list[Record]:
        """At least `count` different events by their ce_id."""
        def enough() -> list[Record]:
            found = self.records(topic)
            return found if len({one.id for one in found}) >= count else []

        return wait.until(enough, f"{count} events in {topic}", seconds, pause=0.2) if count else self.records(topic)


@functools.cache
def shared(config: pytest.Config) -> Broker:
    """The broker of all tests of one pytest process, ended with it; start() again what a test has killed."""
    from harness import need

    folder = Path(tempfile.mkdtemp(prefix="portcall-kafka-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    try:
        jars()
        broker = Broker(folder)
    except Unavailable as why:
        need.unavailable(str(why))
    config.add_cleanup(broker.kill)
    return broker


def main() -> int:
    if not 2 <= len(sys.argv) <= 3:
        print(__doc__, file=sys.stderr)
        return 2

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    try:
        with Broker(Path(sys.argv[1]).resolve(), port) as broker:
            print(broker.address, flush=True)
            assert broker.process
            return broker.process.wait()
    except Unavailable as why:
        print(f"kafka: {why}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
