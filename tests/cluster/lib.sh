# What up, status and down share: where everything is, and processes that are known by their pid files.
# shellcheck shell=bash

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=${STEPWRIGHT_CACHE:-$HOME/.cache/stepwright}/cluster
bin=$root/bin
state=$root/state
logs=$root/logs
run=$state/run

bridge=stepwright0
node=stepwright
node_ip=10.99.0.1
pods_cidr=10.244.0.0/24
pods_gateway=10.244.0.1/24
services_cidr=10.96.0.0/16
cgroups=/sys/fs/cgroup

say() { echo "$*" >&2; }
die() { # MESSAGE [HINT]
    say "$1"
    [ $# -lt 2 ] || say "hint: $2"
    exit 1
}

# A script that ends half way says where.
set -E
trap 'say "$(basename "$0"): line $LINENO: $BASH_COMMAND: exit code $?"' ERR

# Our kubectl with our cluster, whatever the environment says.
k() { "$bin/k8s/kubectl" --kubeconfig "$state/kubeconfig" "$@"; }
ctr_() { ctr --address "$run/containerd.sock" --namespace k8s.io "$@"; }

# What is mounted under our directory, deepest first.
mounted() { awk -v under="$state/" 'index($5, under) == 1 {print $5}' /proc/self/mountinfo | sort -r; }

# === processes ===

# A pid is reused in time: a process is ours when it also started when we started it.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

pid_of() { # NAME: prints the pid while it runs
    local pid at
    read -r pid at 2>/dev/null <"$run/$1.pid" || return 1
    [ -n "$at" ] && [ "$(started_at "$pid")" = "$at" ] || return 1
    # What ended but was not waited for is no process any more.
    [ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -c1)" != Z ] || return 1
    echo "$pid"
}

start() { # NAME COMMAND...
    local name=$1 pid
    shift
    ! pid_of "$name" >/dev/null || return 0
    setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$run/$name.pid"
}

# All of them are told at once; what has not ended after five seconds (an API server waits for its watches) is killed.
stop() { # NAME...
    local name pid until=$((SECONDS + 5))
    for name in "$@"; do
        ! pid=$(pid_of "$name") || kill "$pid" 2>/dev/null || true
    done
    for name in "$@"; do
        while pid=$(pid_of "$name"); do
            [ $SECONDS -lt $until ] || kill -KILL "$pid" 2>/dev/null || true
            [ $SECONDS -lt $((until + 20)) ] || die "$name (pid $pid) does not end"
            sleep 0.05
        done
        rm -f "$run/$name.pid"
    done
}

# Waits for a condition of processes that we started: gives up early when the process is gone.
wait_for() { # NAME SECONDS COMMAND...
    local name=$1 until=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! pid_of "$name" >/dev/null; then
            tail -n 15 "$logs/$name.log" >&2
            die "$name ended while it was starting" "the whole log is $logs/$name.log"
        fi
        [ $SECONDS -lt $until ] || die "$name is not ready in time" "its log is $logs/$name.log"
        sleep 0.2
    done
}
