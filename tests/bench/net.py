# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench_net of tests/bench/run measures: an answer of `ec2-rescue net` beside one call's time, in a small VPC and a large one."""
import json, os, statistics, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'net'))
from cases import HERE, Cloud, world_of
from laws import enlarge

CALL_S = 0.1
ASKS = (('host', 'paths/host-healthy', ('--from', '203.0.113.7')), ('NAT', 'nat/volume-right', ('--role', 'nat')), ('MTU', 'mtu/volume-right', ('--role', 'mtu')),
        ('host, no volume', 'paths/host-healthy', ('--from', '203.0.113.7', '--no-volume')))

def answers(runs):
    for what, folder, ask in ASKS:
        with tempfile.TemporaryDirectory() as scratch:
            world, waits, calls = world_of(HERE + '/' + folder, scratch), {}, {}
            for size in ('small', 'large'):
                with Cloud(enlarge(world) if size == 'large' else world) as cloud:
                    cloud.run('net', 'i-00000000000000001', *ask)
                    for action in set(cloud.calls()): cloud.ask('POST', 'faults', {'action': action, 'kind': 'slow', 'delay_ms': int(CALL_S * 1000), 'times': -1})
                    took = []
                    for _ in range(runs + 1):
                        cloud.ask('DELETE', 'calls')
                        began = time.monotonic()
                        cloud.run('net', 'i-00000000000000001', *ask)
                        took.append(time.monotonic() - began)
                    waits[size], calls[size] = statistics.median(took[1:]), len(cloud.calls())
        print('net: %-16s %4.0f ms = %.1f calls of %.0f ms one after the other, %d calls in all; in a VPC of 200 groups, 50 route tables and 100 ACL entries %4.0f ms, %.2f of it, %d calls'
              % (what, waits['small'] * 1e3, waits['small'] / CALL_S, CALL_S * 1e3, calls['small'], waits['large'] * 1e3, waits['large'] / waits['small'], calls['large']), flush=True)
