#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs of ec2-rescue on this machine as an Ansible inventory: ansible -i inventory/ec2_rescue_runs.py rescued -m ping

A host is an instance that a run was about. Its groups are the outcome of its newest run (rescued, returned, interrupted, ...) and
`unfinished` where something is borrowed still. EC2_RESCUE is the program, EC2_RESCUE_STATE_DIR its --state-dir."""
import json
import os
import subprocess
import sys


def runs():
    """Oldest first, as the program lists them; one that cannot be read has no instance."""
    argv = [os.environ.get("EC2_RESCUE", "ec2-rescue"), "runs", "--json"]
    if os.environ.get("EC2_RESCUE_STATE_DIR"):
        argv += ["--state-dir", os.environ["EC2_RESCUE_STATE_DIR"]]
    listed = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in listed.splitlines() if line.startswith("{")]


def inventory():
    hosts, groups = {}, {}
    for run in sorted(runs(), key=lambda run: run.get("began", "")):
        for instance in run.get("instances", []):
            mine = hosts.setdefault(instance, {"ec2_rescue_runs": []})
            mine["ec2_rescue_runs"].append({key: value for key, value in run.items() if key not in ("event", "instances")})
            mine["ec2_rescue_result"] = run["result"]
    for instance, mine in hosts.items():
        names = {mine["ec2_rescue_result"].replace(" ", "_").replace("-", "_")}
        if any(run.get("borrowed") and run["result"] != "at work" for run in mine["ec2_rescue_runs"][-1:]):
            names.add("unfinished")
        for name in names:
            groups.setdefault(name, {"hosts": []})["hosts"].append(instance)
    return {**groups, "all": {"children": sorted(groups)}, "_meta": {"hostvars": hosts}}


def main(args):
    if args == ["--list"]:
        answer = inventory()
    elif len(args) == 2 and args[0] == "--host":
        answer = inventory()["_meta"]["hostvars"].get(args[1], {})
    else:
        sys.exit("usage: %s --list | --host INSTANCE-ID" % sys.argv[0])
    json.dump(answer, sys.stdout, indent=2, sort_keys=True)
    print()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, subprocess.CalledProcessError) as e:
        sys.exit("%s: %s" % (sys.argv[0], e))
