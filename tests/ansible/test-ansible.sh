#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# contrib/ansible with the real ansible-playbook and AWS modules against the embedded cloud. The host that the role prepares is a
# directory: its units are enabled in it by the real systemctl; that they start shows only where systemd runs, and is not tested here.
. tests/system/tap.sh; . tests/cloud/sim.sh
for program in ansible-playbook ansible-galaxy ansible-lint systemctl; do
	command -v $program >/dev/null || { skip "no $program; scripts/setup installs it" "the Ansible collection"; done_testing; exit; }
done
python=$(sed -n '1s/^#! *//p' "$(command -v ansible-playbook)")
$python -c 'import boto3' 2>/dev/null || { skip "$python has no boto3; scripts/setup installs it" "the Ansible collection"; done_testing; exit; }

VPC=vpc-0123456789abcdef0 SUBNET=subnet-0123456789abcdef0 IMAGE=ami-0123456789abcdef0 TARGET=i-0123456789abcdef0
sim_start --speed 600 --seed 1 <<JSON
{ "vpcs": [{"id": "$VPC", "cidr": "10.0.0.0/16"}], "subnets": [{"id": "$SUBNET", "vpc": "$VPC", "zone": "us-east-1a", "cidr": "10.0.1.0/24"}],
  "images": [{"id": "$IMAGE", "name": "al2023", "architecture": "x86_64", "root_device_name": "/dev/xvda", "mapping": [{"device": "/dev/xvda", "size": 8}]}],
  "instances": [{"id": "$TARGET", "subnet": "$SUBNET", "volumes": [{"device": "/dev/xvda", "size": 1}]}],
  "imds": {"instance": "$TARGET"}, "throttle": {"enabled": false} }
JSON
export HOME=$T/home ANSIBLE_HOME=$T/home/.ansible ANSIBLE_COLLECTIONS_PATH=$T/collections ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_NOCOLOR=1 ANSIBLE_DEPRECATION_WARNINGS=0
mkdir -p "$HOME" "$T/root"

says() { is "$2" "$3" "$1"; }
holds() { local name=$1; shift; "$@"; ok $? "$name"; }
note() { sed 's/^/#   /' "$1" | tail -"${2:-30}"; }
# The number behind a word of the recap, of all hosts.
recap() { grep -oE "$1=[0-9]+" "$T/out" | cut -d= -f2 | awk '{n += $1} END {print n + 0}'; }

make -s BUILD="$BUILD" install DESTDIR="$T/tree" PREFIX=/usr >"$T/out" 2>&1
holds "make install fills the tree that the role takes" test -x "$T/tree/usr/bin/ec2-rescue"
{ ansible-galaxy collection build --output-path "$T" contrib/ansible && ansible-galaxy collection install --no-deps -p "$T/collections" "$T"/ec2_rescue-helper-*.tar.gz; } >"$T/out" 2>&1 || note "$T/out"
holds "the collection is built and installed" test -f "$T/collections/ansible_collections/ec2_rescue/helper/roles/standing/tasks/main.yml"

cat >"$T/mine.yml" <<YAML
helper_endpoint_url: $URL
helper_vpc: $VPC
helper_subnet: $SUBNET
helper_image: $IMAGE
helper_program: $EC2_RESCUE
helper_connection: local
ansible_python_interpreter: $python
ec2_rescue_package: ""
ec2_rescue_tree: $T/tree
ec2_rescue_root: $T/root
ec2_rescue_owner: $(id -un)
ec2_rescue_imds: $URL
ec2_rescue_spot_watch: true
ec2_rescue_audit_targets: [$TARGET]
YAML
play() { ansible-playbook ec2_rescue.helper.helper -e "@$T/mine.yml" "$@" >"$T/out" 2>&1 </dev/null; }
play; first=$?
[ $first = 0 ] || note "$T/out" 60
says "the playbook provisions a helper end to end" "$first $(recap failed)" "0 0"
changed=$(recap changed)
holds "and says that it changed things ($changed)" test "$changed" -gt 7
play; second=$?
[ "$second $(recap changed)" = "0 0" ] || note "$T/out" 60
says "a second run changes nothing" "$second $(recap changed) $(recap failed)" "0 0 0"
play --check; third=$?
says "nor would a third" "$third $(recap changed)" "0 0"

# What it made, as the cloud has it.
control GET calls >"$T/calls"; control GET world >"$T/world"
"$EC2_RESCUE" policy rescue undo resume audit spot-list spot-prune spot-watch >"$T/policy"
python3 - "$T" "$SUBNET" >"$T/seen" <<'PY'
import json, sys, urllib.parse
T, subnet = sys.argv[1:]
calls, world, policy = (json.load(open('%s/%s' % (T, name))) for name in ('calls', 'world', 'policy'))
of = lambda action: [c for c in calls if c['action'] == action and c['result'] == 'ok']
print('launches', len(of('RunInstances')))
run = of('RunInstances')[0]['params']
print('tokens', run.get('MetadataOptions.HttpTokens'))
print('hops', run.get('MetadataOptions.HttpPutResponseHopLimit'))
print('profile', run.get('IamInstanceProfile.Arn'))
(put,) = of('PutRolePolicy')
print('policy', json.loads(put['params']['PolicyDocument']) == policy)
print('trust', json.loads(of('CreateRole')[0]['params']['AssumeRolePolicyDocument'])['Statement'][0]['Principal'])
group = [g for g in world['security_groups'] if g.get('name') == 'ec2-rescue-helper'][0]
print('ingress', [(r['protocol'], r['from'], r['to'], r['cidr']) for r in group['ingress']])
helper = [i for i in world['instances'] if i.get('image') == 'ami-0123456789abcdef0'][0]
print('instance', helper['state'], helper['subnet'] == subnet, helper['groups'] == [group['id']], helper['tags'].get('ec2-rescue-helper'))
print('unknown', sorted({'%s:%s' % (c['service'], c['action']) for c in calls if c['result'] not in ('ok', 'NoSuchEntity')}))
PY
seen() { sed -n "s/^$1 //p" "$T/seen"; }
says "one instance is launched" "$(seen launches)" 1
says "it takes metadata requests with a token only" "$(seen tokens) $(seen hops)" "required 1"
says "it has the profile" "$(seen profile)" "arn:aws:iam::123456789012:instance-profile/ec2-rescue-helper"
says "whose role may do what ec2-rescue policy prints" "$(seen policy)" True
says "and is EC2's to take" "$(seen trust)" "{'Service': 'ec2.amazonaws.com'}"
says "ssh is let in from one place" "$(seen ingress)" "[('tcp', 22, 22, '10.0.0.0/8')]"
says "it runs in its subnet with its group and tags" "$(seen instance)" "running True True standing"
says "the cloud knew every call" "$(seen unknown)" "[]"

# The host.
root=$T/root
says "the program is installed and runs" "$("$root/usr/bin/ec2-rescue" --version)" "$("$EC2_RESCUE" --version)"
says "the state directory is root's alone" "$(stat -c %a "$root/var/lib/ec2-rescue")" 700
says "the options are those of the variables" "$(. "$root/etc/default/ec2-rescue"; echo "$SPOT_WATCH_OPTIONS; $SPOT_PRUNE_OPTIONS")" "--every 6h; --keep-last 3 --keep-daily 7 --keep-weekly 8"
for unit in ec2-rescue-spot-watch.service ec2-rescue-spot-prune.timer "ec2-rescue-audit@$TARGET.timer"; do
	says "$unit is enabled" "$(systemctl --root="$root" is-enabled "$unit")" enabled
done
control POST imds '{"token_required": false}' >/dev/null
play; open=$?
says "a metadata service that answers without a token stops it" "$open $(recap failed)" "2 1"

# The runs as an inventory.
mkdir -p "$T/state"
inventory=contrib/ansible/inventory/ec2_rescue_runs.py
export EC2_RESCUE_STATE_DIR=$T/state
says "no runs yet: an inventory without hosts" "$(python3 $inventory --list | python3 -c 'import json, sys; print(json.load(sys.stdin)["_meta"])')" "{'hostvars': {}}"
cat >"$T/program" <<'SH'
#!/bin/sh
# What `ec2-rescue runs --json` says of three runs.
echo '{"event":"run","run":"r20261101-000000-aaaaaa","result":"returned","instances":["i-0000000000000000a"],"volume":"vol-1","kind":"repair","began":"2026-11-01T00:00:00Z","wrote":false,"borrowed":[]}'
echo '{"event":"run","run":"r20261102-000000-bbbbbb","result":"rescued","instances":["i-0000000000000000a"],"volume":"vol-1","kind":"repair","began":"2026-11-02T00:00:00Z","wrote":true,"borrowed":[]}'
echo '{"event":"run","run":"r20261103-000000-cccccc","result":"interrupted","instances":["i-0000000000000000b"],"volume":"vol-2","kind":"repair","began":"2026-11-03T00:00:00Z","wrote":false,"borrowed":["stop"]}'
echo '{"event":"run","run":"r20261104-000000-dddddd","result":"unreadable","text":"its journal is damaged"}'
SH
chmod +x "$T/program"
graph=$(EC2_RESCUE=$T/program ansible-inventory -i $inventory --graph 2>"$T/err" | tr -d '|: -' | paste -sd' ')
says "Ansible reads it: instances by the outcome of their newest run" "$graph" "@all @ungrouped @interrupted i0000000000000000b @rescued i0000000000000000a @unfinished i0000000000000000b"
says "a host has its runs" "$(EC2_RESCUE=$T/program python3 $inventory --host i-0000000000000000a | python3 -c 'import json, sys; print([r["run"][-6:] for r in json.load(sys.stdin)["ec2_rescue_runs"]])')" "['aaaaaa', 'bbbbbb']"

cp -r contrib/ansible "$T/lint"; (cd "$T/lint" && ansible-lint --offline --nocolor --strict --profile production -q >"$T/out" 2>&1); lint=$?
[ $lint = 0 ] || note "$T/out" 60
says "ansible-lint finds nothing" "$lint" 0
done_testing
