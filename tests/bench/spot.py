# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench_spot of tests/bench/run measures: how long a writer waits at a save, how soon after the notice the snapshots are
asked for, and what a restore takes beside what EC2 takes."""
import json, os, random, statistics, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'rescue'))
from spots import Disks, complete, settle
from worlds import Cloud

CALL_S = 0.15  # CreateSnapshots of real EC2 takes some hundred ms
SECONDS = {'run_pending': 15, 'api_call': 0.02, 'snapshot': 10, 'shutting_down': 20, 'volume_creating': 2, 'attaching': 3, 'deleting': 1, 'written_snapshot': 10}

def pauses(runs):
    if os.geteuid(): return print('spot: the pause of a writer needs root; left out')
    with Cloud(faults=()) as cloud, Disks(cloud, ['ext4']) as disks:
        disks.write()
        (writer,), ratios, waits, calls = disks.writers, [], [], set()
        for _ in range(runs + 1):
            settle(cloud); cloud.forget()
            cloud.ask('POST', 'faults', {'action': 'CreateSnapshots', 'kind': 'slow', 'delay_ms': int(CALL_S * 1000)})
            writer.acks.clear()
            verdict = cloud.run('spot', 'save', 'self', '--name', 'bench', *disks.options).of('verdict')[0]
            writer.progress()
            waits.append(max(b[0] - a[0] for a, b in zip(writer.acks, writer.acks[1:])))
            ratios.append(waits[-1] / (verdict['call_ms'] / 1000))
            calls.add(len(cloud.calls()))
    print('spot: a writer (fsync after each record) waits %.0f ms at a save (median of %d; worst %.0f), of which the call takes %.0f: %.2f of it (worst %.2f; wanted <= 1.5); %s API calls a save'
          % (statistics.median(waits[1:]) * 1e3, runs, max(waits[1:]) * 1e3, CALL_S * 1e3, statistics.median(ratios[1:]), max(ratios[1:]), '/'.join(map(str, sorted(calls)))))

def notices(runs):
    """In real time: the watcher looks every five seconds."""
    took = []
    for _ in range(runs):
        with Cloud(faults=(), speed=1, pace=1) as cloud:
            p = cloud.patient(lifecycle='spot')
            cloud.ask('POST', 'imds', {'instance': p.instance})
            watch = subprocess.Popen(cloud.argv('spot', 'watch', '--json', '--no-freeze'), env=cloud.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(1 + random.random() * 5)
            noticed = time.time()
            cloud.ask('POST', 'interrupt', {'id': p.instance})
            hits, until = [], time.monotonic() + 20
            while not hits and time.monotonic() < until:
                hits = [c['real'] for c in cloud.calls() if c['action'] == 'CreateSnapshots']
                time.sleep(0.05)
            watch.terminate(); watch.wait()
            took.append(hits[0] - noticed if hits else 99)
    print('spot: from the notice to CreateSnapshots %.1f s (median of %d; least %.1f, worst %.1f; the looks are 5 s apart, wanted <= 5)' % (statistics.median(took), runs, min(took), max(took)))

def restore():
    """In real time, with the durations that EC2 has."""
    with Cloud(faults=(), speed=1, pace=1, latencies=dict(SECONDS)) as cloud:
        p = cloud.patient(lifecycle='spot')
        cloud.run('spot', 'save', p.instance, '--name', 'bench', timeout=120); settle(cloud)
        for options in ((), ('--no-audit',)):
            cloud.forget()
            r = cloud.run('spot', 'restore', 'bench', *options, timeout=120)
            calls = cloud.calls()
            print('spot: restore%s %.1f s, of which EC2 takes %d to bring the instance up: %.2f of it (wanted <= 1.05); %d API calls of %d ms' % (' ' + options[0] if options else '', r.wall, SECONDS['run_pending'], r.wall / SECONDS['run_pending'], len(calls), SECONDS['api_call'] * 1e3))
