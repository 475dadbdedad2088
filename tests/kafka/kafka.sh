#!/usr/bin/env bash
# A real single-node Apache Kafka (KRaft) for tests and benchmarks. Everything listens on 127.0.0.1 only.
# Needs a Java runtime; Maven for the first fetch.
#
#   kafka.sh fetch                     get the jars once; prints their folder
#   kafka.sh start PORT DIR [k=v ...]  format DIR when it is new, start, wait until the broker serves, print its pid.
#                                      PORT is for clients, PORT+1 for the controller; k=v are server properties
#   kafka.sh stop DIR                  SIGTERM and wait for the clean shutdown
#   kafka.sh kill DIR                  SIGKILL; the data stays, `start PORT DIR` brings it back
#   kafka.sh pause DIR | resume DIR    SIGSTOP | SIGCONT
#   kafka.sh mktopic PORT NAME [PARTS] create a topic unless it exists (4 partitions)
#   kafka.sh topics PORT [ARGS]        Kafka's topic tool; --list without ARGS
#   kafka.sh configure PORT NAME K=V   change a setting of a topic
#   kafka.sh user PORT NAME PASSWORD   a user of SCRAM-SHA-512, or another password for it
#   kafka.sh trim PORT NAME PARTITION OFFSET
#                                      delete the records below OFFSET
#   kafka.sh cpu DIR                   the broker's CPU ticks (user system) and RSS in KiB
#
# Environment: KAFKA_VERSION (3.9.1), KAFKA_HEAP (512m), KAFKA_CACHE (~/.cache/mqttproxy-kafka),
# KAFKA_START_SECONDS (120), KAFKA_OWNER: a pid; when that process is gone the broker is killed within seconds, so that
# nothing outlives an interrupted test run.
set -euo pipefail

version=${KAFKA_VERSION:-3.9.1}
heap=${KAFKA_HEAP:-512m}
cache=${KAFKA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mqttproxy-kafka}
start_seconds=${KAFKA_START_SECONDS:-120}
jars=$cache/$version

die() {
  echo "kafka.sh: $*" >&2
  exit 1
}

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

pom() {
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>mqttproxy.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
}

# The folder appears complete or not at all: Maven fills a scratch folder beside it, a lock keeps a second fetch out.
fetch() {
  [ -d "$jars" ] && return 0
  command -v mvn >/dev/null || die "Maven (mvn) is needed to fetch Kafka $version"
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
  [ -d "$jars" ] && return 0
  local scratch
  scratch=$(mktemp -d "$cache/fetch.XXXXXX")
  pom >"$scratch/pom.xml"
  mkdir "$scratch/jars"
  (cd "$scratch" && mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$scratch/jars") \
    </dev/null >&2 || { rm -rf "$scratch"; die "Maven could not fetch Kafka $version"; }
  # One logging back end only.
  rm -f "$scratch"/jars/slf4j-reload4j-*.jar "$scratch"/jars/slf4j-log4j12-*.jar
  mv "$scratch/jars" "$jars"
  rm -rf "$scratch"
  exec 9>&-
}

tool() { # CLASS ARGS...
  java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
    -cp "$jars/*" "$@"
}

broker_pid() { cat "$1/pid" 2>/dev/null; }
alive() {
  local pid
  pid=$(broker_pid "$1") && kill -0 "$pid" 2>/dev/null
}

properties() { # PORT DIR
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($1 + 1))
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$(($1 + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$2/data
num.partitions=4
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.segment.bytes=268435456
log.retention.bytes=4294967296
PROPERTIES
}

format() { # DIR
  [ -f "$1/data/meta.properties" ] && return 0
  local id
  id=$(head -c16 /dev/urandom | base64 | tr '+/' 'AA' | head -c22)
  tool kafka.tools.StorageTool format -t "$id" -c "$1/server.properties" >"$1/format.log" 2>&1 \
    || { cat "$1/format.log" >&2; die "formatting $1 failed"; }
}

watch_owner() { # OWNER BROKER
  while kill -0 "$1" 2>/dev/null; do
    kill -0 "$2" 2>/dev/null || return 0
    sleep 1
  done
  kill -KILL "$2" 2>/dev/null || true
}

start() { # PORT DIR [k=v ...]
  local port=$1 dir=$2 pid
  shift 2
  [[ $port =~ ^[0-9]+$ ]] || die "PORT must be a number: $port"
  fetch
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  alive "$dir" && die "already running: pid $(broker_pid "$dir")"
  {
    properties "$port" "$dir"
    if [ $# -gt 0 ]; then printf '%s\n' "$@"; fi
  } >"$dir/server.properties"
  format "$dir"
  : >"$dir/server.log"
  setsid java "-Xmx$heap" "-Xms$heap" -XX:+UseG1GC -Djava.awt.headless=true \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -Dorg.slf4j.simpleLogger.showDateTime=true \
    -cp "$jars/*" kafka.Kafka "$dir/server.properties" </dev/null >>"$dir/server.log" 2>&1 &
  pid=$!
  echo "$pid" >"$dir/pid"
  if [ -n "${KAFKA_OWNER:-}" ]; then
    watch_owner "$KAFKA_OWNER" "$pid" </dev/null >/dev/null 2>&1 &
    disown
  fi
  wait_serving "$port" "$dir"
  echo "$pid"
}

wait_serving() { # PORT DIR
  local deadline=$((SECONDS + start_seconds))
  while [ "$SECONDS" -lt "$deadline" ]; do
    if grep -q 'Kafka Server started' "$2/server.log" && (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
      return 0
    fi
    alive "$2" || { tail -20 "$2/server.log" >&2; die "the broker ended while starting"; }
    sleep 0.1
  done
  tail -20 "$2/server.log" >&2
  finish "$2" KILL
  die "the broker did not serve within $start_seconds s"
}

finish() { # DIR SIGNAL
  local pid deadline=$((SECONDS + 60))
  alive "$1" || return 0
  pid=$(broker_pid "$1")
  kill "-$2" "$pid"
  kill -CONT "$pid" 2>/dev/null || true # a paused broker would never see SIGTERM
  while kill -0 "$pid" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || die "pid $pid is still there after 60 s"
    sleep 0.1
  done
  rm -f "$1/pid"
}

signal() { # DIR SIGNAL
  alive "$1" || die "no broker runs in $1"
  kill "-$2" "$(broker_pid "$1")"
}

[ $# -ge 1 ] || usage
command=$1
shift
case $command/$# in
  fetch/0) fetch && echo "$jars" ;;
  start/0 | start/1) usage ;;
  start/*) start "$@" ;;
  stop/1) finish "$1" TERM ;;
  kill/1) finish "$1" KILL ;;
  pause/1) signal "$1" STOP ;;
  resume/1) signal "$1" CONT ;;
  mktopic/2 | mktopic/3)
    fetch
    tool org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$1" \
      --create --if-not-exists --topic "$2" --partitions "${3:-4}" --replication-factor 1
    ;;
  topics/0) usage ;;
  topics/*)
    fetch
    port=$1
    shift
    [ $# -gt 0 ] || set -- --list
    tool org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$port" "$@"
    ;;
  configure/3)
    fetch
    tool kafka.admin.ConfigCommand --bootstrap-server "127.0.0.1:$1" --alter --entity-type topics --entity-name "$2" \
      --add-config "$3"
    ;;
  user/3)
    fetch
    tool kafka.admin.ConfigCommand --bootstrap-server "127.0.0.1:$1" --alter --entity-type users --entity-name "$2" \
      --add-config "SCRAM-SHA-512=[password=$3]"
    ;;
  trim/4)
    fetch
    request=$(mktemp)
    trap 'rm -f "$request"' EXIT
    printf '{"version":1,"partitions":[{"topic":"%s","partition":%d,"offset":%d}]}' "$2" "$3" "$4" >"$request"
    tool org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "127.0.0.1:$1" --offset-json-file "$request"
    ;;
  cpu/1)
    alive "$1" || die "no broker runs in $1"
    pid=$(broker_pid "$1")
    echo "$(cut -d' ' -f14,15 "/proc/$pid/stat") $(awk '/VmRSS/ {print $2}' "/proc/$pid/status")"
    ;;
  *) usage ;;
esac
