#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving the state of instances, and what becomes of the sets, against the embedded cloud. TAP. usage: spot.py [NAME...]"""
import json, os, signal, socket, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from spots import *
from tap import Wrong, contains, expect, scenario
from worlds import Cloud

@scenario('a save is one call beside two looks; what it says is in the tags')
def save(cloud):
    p = instance(cloud, 2, tags={'Name': 'web'}); cloud.forget()
    with Slow(cloud):
        run = cloud.run('spot', 'save', p.instance, '--name', 'web')
        expect('status', (run.status, run.result), (0, 'saved'))
        calls = [c['action'] for c in cloud.calls()]
        expect('calls', sorted(calls), ['CreateSnapshots', 'DescribeInstances', 'DescribeVolumes'])
        expect('pending', [(s['standing'], len(s['volumes'])) for s in sets(cloud, 'web')], [('pending', 3)])
    (one,) = sets(cloud, 'web')
    expect('complete', (one['set'], one['standing'], one['instance'], one['zone']), (run.of('verdict')[0]['set'], 'complete', p.instance, 'us-east-1a'))
    expect('root', [v['volume'] for v in one['volumes'] if v['root']], [p.volume])
    tags = next(row for id, row in cloud.world().items() if id in ours(cloud, 'web'))['tags']
    for key in ('instance', 'zone', 'type', 'image', 'architecture', 'root-device', 'subnet', 'groups', 'private-ip', 'volumes', 'at'):
        if not tags.get('ec2-rescue-spot-' + key): raise Wrong('no tag for ' + key)
    if len(tags) > 50 or any(len(k) > 128 or len(v) > 256 for k, v in tags.items()): raise Wrong('more than EC2 takes')

@scenario('chosen volumes only; by id and by device name; one that is not there is named')
def chosen(cloud):
    p = instance(cloud, 2); cloud.forget()
    run = cloud.run('spot', 'save', p.instance, '--volume', p.volume, '--volume', '/dev/sdg')
    expect('status', run.status, 0)
    settle(cloud)
    (one,) = sets(cloud, p.instance)
    expect('volumes', sorted(v['device'] for v in one['volumes']), ['/dev/sdg', '/dev/xvda'])
    expect('standing', one['standing'], 'complete')
    expect('without the root', cloud.run('spot', 'save', p.instance, '--name', 'data', '--volume', '/dev/sdf').status, 0)
    settle(cloud)
    expect('volumes', [v['device'] for v in sets(cloud, 'data')[0]['volumes']], ['/dev/sdf'])
    run = cloud.run('spot', 'save', p.instance, '--volume', '/dev/sdz')
    expect('status', run.status, 3)
    contains('error', texts(run, 'error'), '/dev/sdg')

@scenario('what cannot be saved, and what is no name, is refused in a sentence')
def refused(cloud):
    gone = instance(cloud)
    cloud.ask('POST', 'change', {'id': gone.instance, 'set': {'state': 'terminated'}})
    p = instance(cloud)
    for args, status, part in (([gone.instance], 6, 'terminated'), (['i-0123456789abcdef9'], 3, 'does not exist'), ([p.instance, '--name', 'a/b'], 2, 'no name for a state'),
                               ([p.instance, '--freeze', '/'], 2, 'this machine is not'), ([p.instance, '--hook-timeout', 'x'], 2, '--hook-timeout'), (['vol-0123'], 2, 'vol-0123')):
        run = cloud.run('spot', 'save', *args)
        expect('status of %s' % args, run.status, status)
        contains('error of %s' % args, texts(run, 'error') + run.err, part)
    expect('nothing made', ours(cloud, p.instance), {})

@scenario('hooks run around it, in order; one that fails prevents the save, and the second runs all the same; one that hangs is ended')
def hooks(cloud):
    p = instance(cloud)
    log = cloud.dir + '/hooks'
    def saved(*options):
        open(log, 'w').close()
        run = cloud.run('spot', 'save', p.instance, '--name', 'hooked', *options)
        settle(cloud)
        with open(log) as f: return run, f.read().split()
    run, lines = saved('--before', 'echo before-$EC2_RESCUE_STATE >>%s' % log, '--after', 'echo after-$EC2_RESCUE_SET >>%s' % log)
    expect('status', (run.status, lines), (0, ['before-hooked', 'after-' + run.of('verdict')[0]['set']]))
    before = len(ours(cloud, 'hooked'))
    run, lines = saved('--before', 'echo before >>%s; exit 3' % log, '--after', 'echo after >>%s' % log)
    expect('status', (run.status, lines, len(ours(cloud, 'hooked'))), (17, ['before', 'after'], before))
    contains('error', texts(run, 'error'), 'ended with status 3')
    run, lines = saved('--before', 'sleep 60', '--hook-timeout', '1', '--after', 'echo after >>%s' % log)
    expect('status', (run.status, lines, len(ours(cloud, 'hooked'))), (10, ['after'], before))
    run, lines = saved('--after', 'exit 4')
    expect('status', (run.status, len(ours(cloud, 'hooked')) - before), (0, 2))
    contains('warning', texts(run, 'warning'), 'ended with status 4')

@scenario('every call of a save failing in every way: what was complete stays so, and nothing is left that is of no complete set')
def save_fails(cloud):
    tried = 0
    for call in range(1, 4):
        for kind in KINDS:
            for times in (1, 2):
                p = instance(cloud)
                expect('first', cloud.run('spot', 'save', p.instance).status, 0)
                settle(cloud); first = complete(cloud, p.instance); cloud.forget()
                cloud.ask('POST', 'faults', dict(kind, action='*', nth=call, times=times))
                run = cloud.run('spot', 'save', p.instance); tried += 1
                where = 'call %d, %s, %d times' % (call, kind['kind'], times)
                cloud.forget(); settle(cloud)
                no_orphans(cloud, p.instance)
                now = complete(cloud, p.instance)
                if first[0] not in now: raise Wrong('%s: the first set is lost' % where)
                if run.status == 0 and run.of('verdict')[0]['set'] not in now: raise Wrong('%s: said to be saved, and is not' % where)
                if run.status != 0 and kind['kind'] == 'slow': raise Wrong('%s: status %d %s' % (where, run.status, texts(run, 'error')))
                if run.status not in (0, 2, 4, 7, 8, 9, 10, 11, 12, 20): raise Wrong('%s: status %d' % (where, run.status))
    print('# %d situations' % tried)

@scenario('killed at every call of a save')
def save_killed(cloud):
    for call in range(1, 4):
        for kind in ('lost-before', 'lost-after'):
            p = instance(cloud); cloud.forget()
            process = cloud.start('spot', 'save', p.instance)
            cloud.ask('POST', 'faults', {'kind': kind, 'call': call, 'kill_pid': process.pid})
            process.communicate()
            cloud.forget(); settle(cloud)
            no_orphans(cloud, p.instance)

# ---- pruning

def add_sets(cloud, name, times, **broken):
    """Sets as saves at these times would have left them; broken: {index: 'error' or 'missing'} of the second volume."""
    rows = []
    for i, t in enumerate(times):
        set = 's%s-%06x' % (time.strftime('%Y%m%d-%H%M%S', time.gmtime(t)), i)
        tags = {'ec2-rescue-spot': name, 'ec2-rescue-spot-set': set, 'ec2-rescue-spot-at': stamp(t), 'ec2-rescue-spot-volumes': 'vol-00000000000000e01=/dev/xvda:gp3:8:0:0:root vol-00000000000000e02=/dev/sdf:gp3:8:0:0'}
        for v in (1, 2):
            state = broken.get('i%d' % i) if v == 2 else None
            if state != 'missing': rows.append({'id': 'snap-%017x' % (cloud.count * 100000 + i * 2 + v), 'volume': 'vol-%017x' % (0xe00 + v), 'size': 8, 'tags': tags, 'start_time': t, **({'state': state} if state else {})})
    cloud.count += 1
    cloud.ask('POST', 'world', {'snapshots': rows})
def kept(cloud, name): return sorted(set(ours(cloud, name).values()))

@scenario('a year of saves: the policy says what stays, a dry run and a question come first, and the newest stays in any case')
def prune(cloud):
    now = time.time()
    times = [now - 86400 * n for n in range(360, 12, -11)] + [now - 6 * 3600 * n for n in range(60, 0, -3)]
    add_sets(cloud, 'year', times, i0='error', i1='missing')
    rules = ['--keep-last', '3', '--keep-daily', '7', '--keep-weekly', '8']
    run = cloud.run('spot', 'prune', 'year', *rules)
    expect('without consent', (run.status, len(kept(cloud, 'year'))), (6, len(times)))
    run = cloud.run('spot', 'prune', 'year', *rules, '--dry-run')
    expect('dry run', (run.status, run.result, len(kept(cloud, 'year'))), (0, 'planned', len(times)))
    planned = sorted(e['set'] for e in run.of('fact') if e['name'] == 'stays')
    run = cloud.run('spot', 'prune', 'year', *rules, '--yes', timeout=240)
    expect('pruned', (run.status, run.result), (0, 'pruned'))
    expect('as planned', kept(cloud, 'year'), planned)
    days, weeks, want = [], [], []
    for n, t in enumerate(reversed(times)):
        day, week = time.strftime('%F', time.gmtime(t)), time.strftime('%G-%V', time.gmtime(t))
        if n < 3 or (day not in days and len(days) < 7) or (week not in weeks and len(weeks) < 8): want.append(stamp(t))
        if day not in days: days.append(day)
        if week not in weeks: weeks.append(week)
    expect('what the rules say', sorted(s['at'] for s in sets(cloud, 'year')), sorted(want))
    expect('again', cloud.run('spot', 'prune', 'year', *rules, '--yes').of('verdict')[0]['deleted'], 0)
    expect('by age alone', cloud.run('spot', 'prune', 'year', '--older-than', '1h', '--yes').status, 0)
    expect('the newest stays', [s['at'] for s in sets(cloud, 'year')], [stamp(times[-1])])
    run = cloud.run('spot', 'prune')
    expect('no rule', run.status, 2)

@scenario('every call of a prune failing in every way: nothing goes that should stay, and the next one finishes')
def prune_fails(cloud):
    now = time.time()
    for call in range(1, 4):
        for kind in KINDS:
            name = 'fail%d-%s' % (call, kind['kind'])
            add_sets(cloud, name, [now - 86400 * n for n in (2, 1)])
            cloud.forget(); cloud.ask('POST', 'faults', dict(kind, action='*', nth=call, times=2))
            run = cloud.run('spot', 'prune', name, '--keep-last', '1', '--yes'); cloud.forget()
            left = complete(cloud, name)
            if not left or left[-1] != sets(cloud, name)[-1]['set']: raise Wrong('%s: the newest is lost' % name)
            if run.status == 0: expect(name, len(kept(cloud, name)), 1)
            expect('the next one', cloud.run('spot', 'prune', name, '--keep-last', '1', '--yes').status, 0)
            expect(name, [s['standing'] for s in sets(cloud, name)], ['complete'])
    for call in range(1, 4):
        name = 'kill%d' % call
        add_sets(cloud, name, [now - 86400 * n for n in (2, 1)]); cloud.forget()
        process = cloud.start('spot', 'prune', name, '--keep-last', '1', '--yes')
        cloud.ask('POST', 'faults', {'kind': 'lost-after', 'action': '*', 'nth': call, 'kill_pid': process.pid})
        process.communicate(); cloud.forget()
        expect('after a kill', cloud.run('spot', 'prune', name, '--keep-last', '1', '--yes').status, 0)
        expect(name, [s['standing'] for s in sets(cloud, name)], ['complete'])

@scenario('a snapshot that an image needs keeps its whole set')
def prune_used(cloud):
    now = time.time()
    add_sets(cloud, 'used', [now - 86400 * n for n in (3, 2, 1)])
    root = min(id for id, s in ours(cloud, 'used').items())
    cloud.ask('POST', 'world', {'images': [{'id': 'ami-0000000000000aaaa', 'snapshot': root}]})
    run = cloud.run('spot', 'prune', 'used', '--keep-last', '1', '--yes')
    expect('status', run.status, 20)
    contains('error', texts(run, 'error'), 'ami-0000000000000aaaa')
    expect('sets', [s['standing'] for s in sets(cloud, 'used')], ['complete', 'complete'])

# ---- watching

class Watch:
    """`spot watch` on an instance that is this machine, as systemd would run it."""
    def __init__(self, cloud, *options, **over):
        self.cloud = cloud
        self.patient = instance(cloud, lifecycle='spot', **over)
        cloud.ask('POST', 'imds', {'instance': self.patient.instance}); cloud.forget()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(cloud.dir + '/notify%d' % cloud.count)
        self.log = cloud.dir + '/watch%d.log' % cloud.count
        with open(self.log, 'w') as log:
            self.process = subprocess.Popen(cloud.argv('spot', 'watch', '--json', '--no-freeze', *options), env=dict(cloud.env, NOTIFY_SOCKET=cloud.dir + '/notify%d' % cloud.count, WATCHDOG_USEC='30000000'),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait('watching')
    def said(self):
        with open(self.log) as f: return ' | '.join(json.loads(line).get('text', '') for line in f if line.startswith('{'))
    def wait(self, text, times=1, within=15):
        until = time.monotonic() + within
        while time.monotonic() < until:
            if self.said().count(text) >= times: return
            time.sleep(0.01)
        raise Wrong('it never said %r: %s' % (text, self.said()))
    def told(self):
        self.socket.setblocking(False)
        got = []
        try:
            while True: got.append(self.socket.recv(500).decode())
        except BlockingIOError: return got
    def sets(self): return complete(self.cloud, self.patient.instance)
    def interrupt(self, **how): self.cloud.ask('POST', 'interrupt', {'id': self.patient.instance, 'notice_s': 60 * 600, **how})
    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)
    def __enter__(self): return self
    def __exit__(self, *_):
        if self.process.poll() is None: self.process.kill()
        self.process.wait(); self.socket.close()

@scenario('at the notice the state is saved, once; systemd hears of it; SIGTERM ends it')
def watch(cloud):
    with Watch(cloud) as w:
        time.sleep(1)
        expect('nothing saved without a reason', ours(cloud, w.patient.instance), {})
        w.interrupt()
        w.wait('the spot service will take this instance'); w.wait('for the interruption notice')
        settle(cloud); time.sleep(1)
        expect('one set', len(w.sets()), 1)
        told = w.told()
        expect('told systemd', ('READY=1' in told, 'WATCHDOG=1' in told), (True, True))
        contains('status', ' '.join(told), 'STATUS=saving')
        expect('calls', [c['action'] for c in cloud.calls()].count('CreateSnapshots'), 1)
        expect('ended', w.end(), 0)
        expect('told systemd', 'STOPPING=1' in w.told(), True)

@scenario('within the notice it keeps trying: refused, throttled, lost, a hook that fails')
def watch_tries(cloud):
    for code in ('RequestLimitExceeded', 'InternalError', 'UnauthorizedOperation'):
        with Watch(cloud, '--before', 'exit 1') as w:
            cloud.ask('POST', 'faults', {'action': 'CreateSnapshots', 'times': 7, 'kind': 'refused', 'code': code, 'status': 503 if code != 'UnauthorizedOperation' else 403})
            w.interrupt(); w.wait(' as set ', within=40)
            settle(cloud)
            expect('one set', len(w.sets()), 1)
            contains('the hook', w.said(), 'saved all the same')

@scenario('the schedule, and the recommendation to leave; metadata that is away is said once and waited for')
def watch_schedule(cloud):
    with Watch(cloud, '--every', '10s') as w:
        w.wait('saved, for the schedule'); settle(cloud); w.wait('saved, for the schedule', 2); settle(cloud)
        expect('sets', len(w.sets()) >= 2, True)
        w.interrupt(rebalance=True)
        w.wait('saved, for the rebalance recommendation'); settle(cloud)
        cloud.ask('POST', 'imds', {'disabled': True})
        w.wait('switched off'); time.sleep(1)
        expect('said once', w.said().count('switched off') - w.said().count('which instance') , 1)
        cloud.ask('POST', 'imds', {'disabled': False})
        w.wait('is back')
        w.interrupt(action='stop'); w.wait('saved, for the interruption notice', within=30)
        expect('ended', w.end(), 0)

@scenario('it needs little memory')
def watch_idle(cloud):
    with Watch(cloud) as w:
        time.sleep(1)
        with open('/proc/%d/status' % w.process.pid) as f: status = dict(line.split(':', 1) for line in f)
        print('# VmRSS %s, RssAnon %s' % (status['VmRSS'].strip(), status['RssAnon'].strip()))
        if int(status['VmSize'].split()[0]) < 1 << 30: expect('less than 8 MiB', int(status['VmRSS'].split()[0]) < 8192, True)  # sanitizers map more than that

# ---- the moment itself

@scenario('on the instance itself the file systems hold still: each set holds every record that a writer was told is safe, and no log to replay')
def frozen(cloud):
    with open('/proc/filesystems') as f: known = f.read().split()
    kinds = [k for k in ('ext4', 'xfs', 'btrfs', 'vfat') if k in known]
    made = []
    with Disks(cloud, kinds) as disks:
        disks.write()
        for turn in range(3):
            settle(cloud); cloud.forget()
            cloud.ask('POST', 'faults', {'action': 'CreateSnapshots', 'kind': 'slow', 'delay_ms': 200})
            run = cloud.run('spot', 'save', 'self', '--name', 'frozen%d' % turn, *disks.options)
            expect('status', (run.status, run.result), (0, 'saved'))
            verdict = run.of('verdict')[0]
            expect('consistency', verdict['consistency'], 'frozen')
            came = next(c['real'] for c in cloud.calls() if c['action'] == 'CreateSnapshots')
            for w, kind, d in zip(disks.writers, disks.kinds, disks.data):
                if not w.progress(): raise Wrong('the writer on %s does not go on' % kind)
                if w.safe(came + 0.15) > w.safe(came) + 1: raise Wrong('the writer on %s was not held up' % kind)
                made.append((kind, '%s/cloud/snapshots/%s.img' % (cloud.dir, verdict['snapshots'][d['volume_id']]), w.safe(came)))
    for kind, image, last in made:  # when the originals are not mounted any more: btrfs takes its twins for itself
        expect('%s needs a replay' % kind, needs_replay(image, kind), False)
        got = records_in(image, kind)
        if got[:last] != list(range(1, last + 1)): raise Wrong('%s: %d records, and %d were safe' % (kind, len(got), last))
        if len(got) > last + 1: raise Wrong('%s: records of after the freeze' % kind)

@scenario('whatever ends in the middle of it, writers go on: the program killed, the process that freezes, the guard; a limit that is over')
def thawed(cloud):
    with Disks(cloud, ['ext4']) as disks:
        (writer,) = disks.write().writers
        def begin(*options, delay=20000):
            settle(cloud); cloud.forget()
            cloud.ask('POST', 'faults', {'action': 'CreateSnapshots', 'kind': 'slow', 'delay_ms': delay})
            process = cloud.start('spot', 'save', 'self', '--name', 'thawed', *disks.options, *options)
            until = time.monotonic() + 10
            while not [c for c in cloud.calls() if c['action'] == 'CreateSnapshots'] and time.monotonic() < until: time.sleep(0.005)
            expect('held up', writer.progress(5, within=0.3), False)
            return process
        def children(process):
            out = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(process.pid)], capture_output=True, text=True).stdout
            return [int(pid) for pid in out.split()]
        process = begin('--freeze-limit', '60')
        process.kill(); process.communicate()
        expect('after a kill of the program', writer.progress(), True)
        for which in (0, 1):  # the process that freezes comes first
            process = begin('--freeze-limit', '60')
            os.kill(sorted(children(process))[which], signal.SIGKILL)
            if which == 0: expect('after a kill of the process that freezes', writer.progress(), True)
            process.kill(); process.communicate()
            expect('afterwards', writer.progress(), True)
        process = begin('--freeze-limit', '1', delay=6000)
        expect('after the limit', writer.progress(within=5), True)
        expect('before the answer', process.poll(), None)
        run = cloud.finish(process)
        expect('status', (run.status, run.of('verdict')[0]['consistency']), (0, 'crash'))
        contains('warning', texts(run, 'warning'), 'loss of power')
        process = begin('--freeze-limit', '60', delay=1500)
        process.send_signal(signal.SIGINT)
        run = cloud.finish(process)
        expect('^C waits for the answer', (run.status, run.of('verdict')[0]['consistency']), (0, 'frozen'))
        expect('after that', writer.progress(), True)

@scenario('on the instance itself, of a volume on which nothing is mounted: said, and saved as it is')
def nothing_mounted(cloud):
    p = instance(cloud)
    cloud.ask('POST', 'imds', {'instance': p.instance})
    run = cloud.run('spot', 'save', 'self', '--name', 'bare', '--volume', '/dev/sdf')
    expect('status', (run.status, run.of('verdict')[0]['consistency']), (0, 'crash'))
    contains('warning', texts(run, 'warning'), 'so none is frozen')

@scenario('one that another program has frozen is not touched, and nothing is saved')
def frozen_by_other(cloud):
    with Disks(cloud, ['ext4', 'ext4']) as disks:
        disks.write()
        subprocess.run(['fsfreeze', '--freeze', disks.mounts[0]], check=True)
        try:
            run = cloud.run('spot', 'save', 'self', '--name', 'other', *disks.options)
            expect('status', run.status, 8)
            contains('error', texts(run, 'error'), 'fsfreeze --unfreeze ' + disks.mounts[0])
            expect('still frozen', disks.writers[0].progress(5, within=0.5), False)
            expect('the other one goes on', disks.writers[1].progress(), True)
            expect('nothing made', ours(cloud, 'other'), {})
        finally: subprocess.run(['fsfreeze', '--unfreeze', disks.mounts[0]], check=True)

if __name__ == '__main__': main(Cloud)
