# SPDX-License-Identifier: GPL-2.0-or-later
# Worlds for tests of the rescue: `. tests/system/tap.sh; . tests/cloud/sim.sh; . tests/rescue/world.sh`
#   patient_image FAULT...       a small image, made once for each set of faults; prints its path
#   world [NUMBER] [JSON]        starts a cloud with that many patients (i-…a001, vol-…b001, from $IMAGE) and the
#                                helper that is this machine; JSON members are laid over the description, and those
#                                of its "patient" over each patient
#   rescue [OPTIONS] [ID...]     runs ec2-rescue on it (default: all patients); sets RC; $T/out and $T/err
#   at_home N [STATE]            is patient N as it was: root attached under its name, DeleteOnTermination, state, no
#                                tag, no attachment at the helper? Says on stdout what is not.
#   volume_sum N                 SHA-256 of patient N's root volume
# SPEED (default 60) is the simulator's; LATENCIES a JSON object of its latencies.
HELPER=i-0fedcba9876543210 STATE=$T/state DEVICES=$T/sim/dev/disk/by-id
patient_id() { printf 'i-0%016x' $((0xa000 + $1)); }
volume_id() { printf 'vol-0%016x' $((0xb000 + $1)); }
patient_image() {
	local name; name=$(IFS=+; echo "$*")
	if [ ! -s "$T/image-$name" ]; then
		SIZE=${SIZE:-48M} KEY=$T/key tests/patient/make "$T/image-$name" "$@" >/dev/null
	fi
	echo "$T/image-$name"
}
world() {
	count=${1:-1}
	COUNT=$count HELPER=$HELPER IMAGE=${IMAGE:-} T=$T LATENCIES=${LATENCIES:-} SRC=$SRC python3 - "${2:-}" >"$T/description" <<'PY' || return 1
import json, os, random, subprocess, sys
over = json.loads(sys.argv[1] or '{}')
patient = over.pop('patient', {})
net = random.randrange(2, 250)  # of sshd's addresses: other clouds run beside this one
image, T = os.environ['IMAGE'], os.environ['T']
instances = [{'id': os.environ['HELPER'], 'subnet': 'subnet-0123456789abcdef0', 'zone': 'us-east-1a',
              'volumes': [{'device': '/dev/xvda', 'volume_id': 'vol-0fedcba9876543210', 'size': 1}]}]
for n in range(1, int(os.environ['COUNT']) + 1):
    root = {'device': '/dev/xvda', 'volume_id': 'vol-0%016x' % (0xb000 + n), 'delete_on_termination': True}
    if image:
        copy = '%s/patient-%d.img' % (T, n)
        subprocess.run(['cp', '--sparse=always', image, copy], check=True)
        root.update(file=copy, adopt='move')
    else:
        root['size'] = 1
    mine = {'id': 'i-0%016x' % (0xa000 + n), 'subnet': 'subnet-0123456789abcdef0', 'zone': 'us-east-1a', 'type': 't3.micro',
            'status': 'impaired', 'private_ip': '127.%d.1.%d' % (net, n), 'tags': {'Name': 'patient %d' % n}, 'volumes': [root],
            'boot': {'console_script': os.environ['SRC'] + '/tests/patient/boot', 'sshd_listen': True}}
    root.update(patient.get('root', {}))
    mine.update({k: v for k, v in patient.items() if k != 'root'})
    instances.append(mine)
latencies = {'stopping': 10, 'start_pending': 5, 'status_checks': 10, 'attaching': 3, 'attaching_stopped': 1, 'detaching': 3,
             'detaching_stopped': 1, 'device_appears': 1, 'device_vanishes': 1, 'snapshot': 600}
latencies.update(json.loads(os.environ['LATENCIES'] or '{}'))
world = {'imds': {'instance': os.environ['HELPER']}, 'vpcs': [{'id': 'vpc-0123456789abcdef0', 'cidr': '10.0.0.0/16'}],
         'subnets': [{'id': 'subnet-0123456789abcdef0', 'vpc': 'vpc-0123456789abcdef0', 'zone': 'us-east-1a', 'cidr': '10.0.1.0/24'}],
         'instances': instances, 'latencies': latencies, 'throttle': {'enabled': False}}
world.update(over)
json.dump(world, sys.stdout)
PY
	sim_start --speed "${SPEED:-60}" --seed 1 <"$T/description"
	export AWS_ENDPOINT_URL=$URL AWS_EC2_METADATA_SERVICE_ENDPOINT=$URL
}
# rescue_command FIRST-ARGUMENTS...: the program with everything that a test needs around it
rescue_command() {
	"$EC2_RESCUE" "$@" --state-dir "$STATE" --device-dir "$DEVICES"
}
patients() { for n in $(seq "$count"); do patient_id "$n"; echo; done; }
rescue() {
	local ids=() options=() a
	for a in "$@"; do case $a in i-*) ids+=("$a") ;; *) options+=("$a") ;; esac; done
	[ ${#ids[@]} -gt 0 ] || mapfile -t ids < <(patients)
	RC=0; rescue_command --yes "${options[@]}" "${ids[@]}" >"$T/out" 2>"$T/err" </dev/null || RC=$?
}
at_home() {
	control GET world | PATIENT=$(patient_id "$1") VOLUME=$(volume_id "$1") WANT=${2:-running} HELPER=$HELPER DOT=${DOT:-True} python3 -c '
import json, os, sys
e = os.environ
world = json.load(sys.stdin)
by = {row["id"]: row for rows in world.values() if isinstance(rows, list) for row in rows if isinstance(row, dict) and "id" in row}
i, v = by[e["PATIENT"]], by[e["VOLUME"]]
bad = []
if i["state"] != e["WANT"]: bad.append("state is %s, not %s" % (i["state"], e["WANT"]))
at = v.get("attachments", v.get("attachment", []))
at = at if isinstance(at, list) else [at]
at = [a for a in at if a]
if len(at) != 1: bad.append("attachments: %r" % at)
else:
    a = at[0]
    if a.get("instance") != e["PATIENT"]: bad.append("attached to %r" % a.get("instance"))
    if a.get("device") != "/dev/xvda": bad.append("attached as %r" % a.get("device"))
    if str(bool(a.get("delete_on_termination"))) != e["DOT"]: bad.append("DeleteOnTermination is %r" % a.get("delete_on_termination"))
    if a.get("state", a.get("status")) != "attached": bad.append("attachment is %r" % a)
for r in (i, v):
    if "ec2-rescue" in r.get("tags", {}): bad.append("%s has the claim %r" % (r["id"], r["tags"]["ec2-rescue"]))
print("; ".join(bad))
sys.exit(bool(bad))'
}
volume_sum() { sha256sum <"$SIM/volumes/$(volume_id "$1").img" | cut -d' ' -f1; }
