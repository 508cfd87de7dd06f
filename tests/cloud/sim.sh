# SPDX-License-Identifier: GPL-2.0-or-later
# For shell tests that need a cloud, after tap.sh: `. tests/cloud/sim.sh`
#   sim_start [OPTIONS of ec2-sim]   world description on stdin; sets SIM (state directory) and URL
#   sim_restart, sim_kill, sim_stop  sim_kill is a kill -9
#   call ACTION NAME=VALUE...        signed; sets STATUS, CODE (of an error) and REPLY; `field NAME` reads REPLY
#   control METHOD PATH [JSON]       prints the reply; `truth ID MEMBER` reads one value of the truth
#   wait_for SECONDS COMMAND...      until it succeeds, real time
export AWS_ACCESS_KEY_ID=AKIATEST AWS_SECRET_ACCESS_KEY=secret AWS_DEFAULT_REGION=us-east-1
unset AWS_SESSION_TOKEN AWS_PROFILE
SIM=$T/sim CALL=$TESTS/cloud/tool-call sim_pid='' sim_args=()
sim_restart() {
	: >"$T/sim.out"
	"$EC2_SIM" --state "$SIM" "${sim_args[@]}" >"$T/sim.out" 2>>"$T/sim.err" </dev/null &
	sim_pid=$!
	for _ in $(seq 200); do
		grep -q listening "$T/sim.out" && break
		sleep 0.02
	done
	URL=$(cat "$SIM/endpoint") || { echo "Bail out! ec2-sim did not start: $(cat "$T/sim.err")"; exit 1; }
}
sim_start() { cat >"$T/world.json"; sim_args=(--config "$T/world.json" "$@"); sim_restart; }
sim_stop() { kill -TERM "$sim_pid" && wait "$sim_pid"; sim_status=$?; sim_pid=''; }
sim_kill() { kill -KILL "$sim_pid"; wait "$sim_pid" 2>/dev/null; sim_pid=''; }
trap '[ -z "$sim_pid" ] || { kill -TERM "$sim_pid"; wait "$sim_pid"; } 2>/dev/null; rm -rf "$T"' EXIT
call() {
	local out; out=$("$CALL" "$URL" "$@")
	STATUS=${out%%$'\n'*} REPLY=${out#*$'\n'}
	CODE=$(grep -oE '<Code>[^<]*' <<<"$REPLY" | head -1 | cut -c7-)
}
call_as() { AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 call "${@:3}"; }
field() { grep -oE "<$1>[^<]*" <<<"$REPLY" | head -1 | sed 's/^<[^>]*>//; s/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'; }
control() { "$CALL" -X "$1" "$URL/_sim/$2" "${3-}" | tail -n +2; }
truth() { control GET world | python3 -c '
import json, sys
world = json.load(sys.stdin)
for key, rows in world.items():
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("id") == sys.argv[1]:
            for part in sys.argv[2].split("."):
                row = row[int(part)] if isinstance(row, list) else row.get(part, "")
            print(str(row).lower() if isinstance(row, bool) else row)' "$1" "$2"; }
wait_for() {
	local until=$((SECONDS + $1)); shift
	while ! "$@"; do [ "$SECONDS" -lt "$until" ] || return 1; sleep 0.05; done
}
# A fault in one line: fault '{"action": "StopInstances", "kind": "slow", "delay_ms": 500}'
fault() { control POST faults "$1" >/dev/null; }
advance() { control POST advance "{\"seconds\": $1}" >/dev/null; }
