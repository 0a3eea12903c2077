# What the examples share; sourced by them from the tree's top. $name is the example's; --exit: stop at the end.

stay=1
case "${1-}" in
  "") ;;
  --exit) stay=0 ;;
  *) echo "usage: $0 [--exit]" >&2; exit 2 ;;
esac

home="$PWD/build/$name"
mkdir -p "$home"
export XDG_RUNTIME_DIR="$home"

say() { printf '\n== %s\n' "$*"; }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port_from() {
  local port=$1
  while taken "$port"; do port=$((port + 10)); done
  echo "$port"
}

pids=()
stop() {
  ((${#pids[@]})) || return 0
  kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  pids=()
}
trap stop EXIT
trap 'exit 130' INT TERM

# Waits until a command succeeds: within SECONDS WHAT COMMAND...
within() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < until)) || { echo "$name: gave up waiting for $what" >&2; exit 1; }
    sleep 0.1
  done
}

# $portcall: the binary; built unless PORTCALL_BINARY names one. Arguments: what else the example needs installed.
build_portcall() {
  tests/setup.sh quickstart "$@"
  portcall="${PORTCALL_BINARY:-$PWD/build/release/app/portcall}"
  [[ -n "${PORTCALL_BINARY-}" ]] && return
  [[ -f build/release/build.ninja ]] || cmake --preset release >/dev/null
  cmake --build build/release --target portcall -j"$(nproc)"
}

# Starts it with a file; what differs here (ports, folders) stands in the environment. $server: its process.
start_portcall() {
  "$portcall" serve "$1" >"$home/portcall.log" 2>&1 &
  server=$!
  pids+=("$server")
  for _ in $(seq 200); do
    kill -0 "$server" 2>/dev/null || { cat "$home/portcall.log" >&2; exit 1; }
    grep -q 'listening on' "$home/portcall.log" && curl -fso /dev/null "http://$registry/v2/" && return
    sleep 0.1
  done
  echo "$name: Portcall does not answer; see $home/portcall.log" >&2
  exit 1
}

# A small image in an OCI layout, $image; its tag is v1.
make_image() {
  image="$home/image"
  [[ -f "$image/index.json" ]] && return
  rm -rf "$image"
  umoci init --layout "$image"
  umoci new --image "$image:v1"
  printf 'hello\n' >"$home/hello.txt"
  umoci insert --image "$image:v1" "$home/hello.txt" /hello.txt
}

push() { skopeo copy -q --dest-tls-verify=false "oci:$image:v1" "docker://$registry/$1"; }

metrics() { curl -fsS "http://$debug/metrics"; }
# Every notification has been answered when nothing is pending; the gauge is some 50 ms behind.
nothing_pending() { sleep 0.3 && grep -q '^registry_notifications_pending{.*} 0$' <<<"$(metrics)"; }

finish() {
  if ((stay)); then
    echo "up: registry http://$registry; data and logs in $home. Ctrl-C stops it."
    wait "$server"
  else
    stop
    echo "stopped."
  fi
}
