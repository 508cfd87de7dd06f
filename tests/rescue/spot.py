#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""State that outlives spot instances, against the embedded cloud. TAP. usage: spot.py [NAME...]"""
import ctypes, json, os, signal, socket, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Skip, Wrong, contains, expect, run_all, scenario
from worlds import BUILD, Cloud, HELPER

DATA = 'vol-0000000000000d%03d'
KINDS = [{'kind': 'refused'}, {'kind': 'http5xx'}, {'kind': 'lost-after'}, {'kind': 'lost-before'}, {'kind': 'damaged'}, {'kind': 'slow', 'delay_ms': 300}]

def texts(run, kind): return ' | '.join(e.get('text', '') for e in run.of(kind))
def instance(cloud, data=1, **over):
    """One with `data` further volumes."""
    n = cloud.count
    return cloud.patient(data=[{'device': '/dev/sd%c' % (ord('f') + i), 'volume_id': DATA % (n * 8 + i), 'size': 1, 'type': 'gp3', 'iops': 3000, 'throughput': 125} for i in range(data)], **over)
def sets(cloud, *name):
    """As `spot list` tells them, the standing included."""
    run = cloud.run('spot', 'list', *name)
    expect('spot list', run.status, 0)
    return run.of('set')
def complete(cloud, name): return [s['set'] for s in sets(cloud, name) if s['standing'] == 'complete']
def settle(cloud): cloud.ask('POST', 'advance', {'seconds': 1000})
def ours(cloud, name=None):
    """Snapshots that carry the tags: {id: set}."""
    return {id: row['tags']['ec2-rescue-spot-set'] for id, row in cloud.world().items()
            if id.startswith('snap-') and not row.get('gone') and row.get('tags', {}).get('ec2-rescue-spot') and name in (None, row['tags']['ec2-rescue-spot'])}
def no_orphans(cloud, name):
    """Whatever was made belongs to a set of which everything is there."""
    listed = {v['snapshot']: s for s in sets(cloud, name) for v in s['volumes'] if v.get('snapshot')}
    for id in ours(cloud, name):
        if id not in listed: raise Wrong('%s is of no set' % id)
        if listed[id]['standing'] != 'complete': raise Wrong('%s is of a set that is %s' % (id, listed[id]['standing']))

@scenario('a save is one call beside two looks; what it says is in the tags')
def save(cloud):
    p = instance(cloud, 2, tags={'Name': 'web'}); cloud.forget()
    run = cloud.run('spot', 'save', p.instance, '--name', 'web')
    expect('status', (run.status, run.result), (0, 'saved'))
    calls = [c['action'] for c in cloud.calls()]
    expect('calls', sorted(calls), ['CreateSnapshots', 'DescribeInstances', 'DescribeVolumes'])
    expect('pending', [(s['standing'], len(s['volumes'])) for s in sets(cloud, 'web')], [('pending', 3)])
    settle(cloud)
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

def stamp(t): return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(t))
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

# ---- restoring

def saved(cloud, name, data=1, save=(), **over):
    """An instance whose state was saved, and which the spot service has taken since."""
    p = instance(cloud, data, lifecycle='spot', **over)
    run = cloud.run('spot', 'save', p.instance, '--name', name, *save)
    expect('saved', run.status, 0)
    settle(cloud)
    cloud.ask('POST', 'interrupt', {'id': p.instance, 'notice_s': 120}); cloud.ask('POST', 'advance', {'seconds': 500})
    expect('gone', cloud.world()[p.instance]['state'], 'terminated')
    cloud.forget()
    return p, run.of('verdict')[0]
def leftovers(cloud, name):
    """What a restore may leave behind, and must not."""
    world = cloud.world()
    bad = ['image %s' % id for id, r in world.items() if id.startswith('ami-') and str(r.get('name', '')).startswith('ec2-rescue ') and not r.get('gone')]
    bad += ['tag on %s' % id for id, r in world.items() if 'ec2-rescue-spot-restoring' in r.get('tags', {}) and not r.get('gone') and r.get('state') != 'terminated']
    bad += ['child %s' % id for id, r in world.items() if id.startswith('snap-') and 'ec2-rescue-run' in r.get('tags', {}) and not r.get('gone')]
    return bad
def restored(cloud, run):
    return cloud.world()[run.of('verdict')[0]['instance']]
def volumes_of(cloud, inst):
    return {m['device']: cloud.world()[m['volume']] for m in inst['mapping']}

@scenario('restored as it was: type, subnet, address, groups, interfaces, volumes with their bytes, which stay when it goes')
def restore(cloud):
    cloud.ask('POST', 'world', {'security_groups': [{'id': 'sg-0000000000000aaaa', 'name': 'web', 'vpc': 'vpc-0123456789abcdef0'}],
                                'addresses': [{'id': 'eipalloc-0000000000000aaaa', 'public_ip': '198.51.100.77'}]})
    p = instance(cloud, 2, lifecycle='spot', groups=['sg-0000000000000aaaa'], eip='198.51.100.78', type='m5.large', key_name='ops')
    cloud.ask('POST', 'world', {'network_interfaces': [{'id': 'eni-0000000000000aaaa', 'subnet': 'subnet-0123456789abcdef0', 'instance': p.instance}]})
    old = cloud.world()
    sums = {m['device']: cloud.sum_file('%s/cloud/volumes/%s.img' % (cloud.dir, m['volume'])) for m in old[p.instance]['mapping']}
    expect('saved', cloud.run('spot', 'save', p.instance, '--name', 'whole').status, 0); settle(cloud)
    cloud.ask('POST', 'interrupt', {'id': p.instance}); cloud.ask('POST', 'advance', {'seconds': 500}); cloud.forget()
    run = cloud.run('spot', 'restore', 'whole', '--no-audit')
    expect('status', (run.status, run.result), (0, 'restored'))
    expect('deviations', texts(run, 'warning'), '')
    inst = restored(cloud, run)
    for member in ('type', 'subnet', 'private_ip', 'groups', 'key_name', 'lifecycle', 'public_ip'): expect(member, inst.get(member), old[p.instance].get(member))
    expect('interfaces', [i['id'] for i in inst['interfaces']][1:], ['eni-0000000000000aaaa'])
    expect('tags', (inst['tags']['ec2-rescue-spot'], 'ec2-rescue-spot-from' in inst['tags']), ('whole', True))
    for m in inst['mapping']:
        expect('stays', bool(m.get('delete_on_termination')), False)
        expect('bytes of ' + m['device'], cloud.sum_file('%s/cloud/volumes/%s.img' % (cloud.dir, m['volume'])), sums[m['device']])
    expect('type of a volume', [v['type'] for d, v in sorted(volumes_of(cloud, inst).items())][:2], ['gp3', 'gp3'])
    expect('left behind', leftovers(cloud, 'whole'), [])
    expect('the next save knows its name', cloud.run('spot', 'save', inst['id']).of('verdict')[0]['state'], 'whole')

@scenario('the root is examined first, and what a new card or a known fault needs is repaired in the copy alone')
def restore_mends(cloud):
    p, verdict = saved(cloud, 'mended', 0)
    before = cloud.sum_file('%s/cloud/snapshots/%s.img' % (cloud.dir, verdict['snapshots'][p.volume]))
    run = cloud.run('spot', 'restore', 'mended')
    expect('status', (run.status, run.result), (0, 'restored'))
    expect('repaired', run.of('verdict')[0]['repairs'] > 0, True)
    inst = restored(cloud, run)
    root = next(m['volume'] for m in inst['mapping'] if m['device'] == inst['root_device_name'])
    expect('it boots', cloud.boot_file('%s/cloud/volumes/%s.img' % (cloud.dir, root)), True)
    expect('the set is as it was', cloud.sum_file('%s/cloud/snapshots/%s.img' % (cloud.dir, verdict['snapshots'][p.volume])), before)
    expect('left behind', leftovers(cloud, 'mended'), [])

@scenario('where there is no capacity the next type and zone are tried, as they were named; what is gone is said')
def restore_elsewhere(cloud):
    cloud.ask('POST', 'world', {'subnets': [{'id': 'subnet-0000000000000bbbb', 'vpc': 'vpc-0123456789abcdef0', 'zone': 'us-east-1b', 'cidr': '10.0.2.0/24'}],
                                'security_groups': [{'id': 'sg-0000000000000cccc', 'name': 'gone', 'vpc': 'vpc-0123456789abcdef0'}],
                                'spot': {'capacity': {'t3.micro/us-east-1a': 0, 'm5.large/us-east-1a': 0, 't3.micro/us-east-1b': 0, 'm5.large/us-east-1b': 5}}})
    p, _ = saved(cloud, 'away', groups=['sg-0000000000000cccc'])
    cloud.ask('POST', 'change', {'id': 'sg-0000000000000cccc', 'set': {'gone': True}})
    run = cloud.run('spot', 'restore', 'away', '--no-audit')
    expect('status', run.status, 8); contains('error', texts(run, 'error'), 'InsufficientInstanceCapacity')
    expect('left behind', leftovers(cloud, 'away'), [])
    run = cloud.run('spot', 'restore', 'away', '--no-audit', '--type', 't3.micro', '--type', 'm5.large', '--zone', 'us-east-1a', '--zone', 'us-east-1b')
    expect('status', run.status, 0)
    inst = restored(cloud, run)
    expect('place', (inst['type'], inst['zone']), ('m5.large', 'us-east-1b'))
    for part in ('its type is m5.large', 'us-east-1b', 'private address', 'sg-0000000000000cccc does not exist'): contains('deviations', texts(run, 'warning'), part)
    run = cloud.run('spot', 'restore', 'away', '--no-audit', '--on-demand')
    expect('on demand', (run.status, restored(cloud, run).get('lifecycle')), (0, None))
    cloud.ask('POST', 'world', {'spot': {'capacity': {}, 'prices': {'t3.micro/us-east-1a': 0.5}, 'max_instances': 1000}})
    run = cloud.run('spot', 'restore', 'away', '--no-audit', '--max-price', '0.01')
    contains('too dear', texts(run, 'error'), 'SpotMaxPriceTooLow')
    cloud.ask('POST', 'world', {'spot': {'max_instances': 0}})
    run = cloud.run('spot', 'restore', 'away', '--no-audit')
    contains('too many', texts(run, 'error'), 'MaxSpotInstanceCountExceeded')
    cloud.ask('POST', 'world', {'spot': {'max_instances': 1000}})

@scenario('by time; a dry run makes nothing; what is not there is refused')
def restore_at(cloud):
    p = instance(cloud, lifecycle='spot')
    first = cloud.run('spot', 'save', p.instance, '--name', 'timed').of('verdict')[0]['set']; settle(cloud)
    time.sleep(1.1); between = stamp(time.time() - 1)
    second = cloud.run('spot', 'save', p.instance, '--name', 'timed').of('verdict')[0]['set']
    cloud.forget()
    run = cloud.run('spot', 'restore', 'timed', '--dry-run', '--at', between)
    expect('by time', (run.status, run.of('verdict')[0]['set']), (0, first))
    run = cloud.run('spot', 'restore', 'timed', '--dry-run')
    expect('a pending one is not restored', run.of('verdict')[0]['set'], first)
    settle(cloud)
    expect('the newest', cloud.run('spot', 'restore', 'timed', '--dry-run').of('verdict')[0]['set'], second)
    contains('two of it', texts(run, 'warning'), 'there will be two of it')
    expect('nothing made', [c['action'] for c in cloud.calls() if not c['action'].startswith('Describe')], [])
    for args, status in ((['timed', '--at', '2020-01-01'], 3), (['nothing'], 3), (['timed', '--at', 'soon'], 2)):
        expect(args, cloud.run('spot', 'restore', *args).status, status)

@scenario('every call of a restore failing in every way: it is restored, or the same again restores it; nothing is lost and nothing left behind')
def restore_fails(cloud):
    p, _ = saved(cloud, 'tried')
    expect('once', cloud.run('spot', 'restore', 'tried', '--no-audit').status, 0)
    calls = [c['action'] for c in cloud.calls() if not c['action'].startswith('Describe') or c['n'] < 12]
    total, tried = len(cloud.calls()), 0
    for call in range(1, total + 1):
        for kind in KINDS:
            cloud.forget(); cloud.ask('POST', 'faults', dict(kind, action='*', nth=call, times=2 if kind['kind'] != 'slow' else 1))
            before = {id for id, r in cloud.world().items() if id.startswith('i-')}
            run = cloud.run('spot', 'restore', 'tried', '--no-audit'); tried += 1
            cloud.forget()
            if run.status != 0: run = cloud.run('spot', 'restore', 'tried', '--no-audit')
            where = 'call %d, %s' % (call, kind['kind'])
            expect(where, (run.status, texts(run, 'error')), (0, ''))
            made = [id for id, r in cloud.world().items() if id.startswith('i-') and id not in before and r['state'] != 'terminated']
            expect(where + ': instances', len(made), 1)
            expect(where + ': left behind', leftovers(cloud, 'tried'), [])
            expect(where + ': sets', [s['standing'] for s in sets(cloud, 'tried')], ['complete'])
    for call in range(1, total + 1):
        for kind in ('lost-before', 'lost-after'):
            cloud.forget(); before = {id for id, r in cloud.world().items() if id.startswith('i-')}
            process = cloud.start('spot', 'restore', 'tried', '--no-audit'); tried += 1
            cloud.ask('POST', 'faults', {'kind': kind, 'action': '*', 'nth': call, 'kill_pid': process.pid})
            process.communicate(); cloud.forget()
            was_over = process.returncode == 0 or not leftovers(cloud, 'tried') and [id for id, r in cloud.world().items() if id.startswith('i-') and id not in before]
            if not was_over: expect('after a kill at %d' % call, cloud.run('spot', 'restore', 'tried', '--no-audit').status, 0)
            made = [id for id, r in cloud.world().items() if id.startswith('i-') and id not in before and r['state'] != 'terminated']
            expect('killed at %d: instances' % call, len(made), 1)
            expect('killed at %d: left behind' % call, leftovers(cloud, 'tried'), [])
    print('# %d situations' % tried)

# ---- the moment itself

WRITER = """
import os, sys
fd = os.open(sys.argv[1] + '/records', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
n = 0
while True:
    n += 1
    os.write(fd, b'%08d\\n' % n); os.fsync(fd)
    os.write(1, b'%d\\n' % n)
"""
class Writer:
    """Appends records and makes each safe before it says so; acks: (when, record)."""
    def __init__(self, path):
        self.path, self.acks = path, []
        self.process = subprocess.Popen([sys.executable, '-c', WRITER, path], stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()
        self.progress(20)
    def read(self):
        for line in self.process.stdout: self.acks.append((time.time(), int(line)))
    def progress(self, more=5, within=10):
        """Goes on writing."""
        want, until = len(self.acks) + more, time.monotonic() + within
        while len(self.acks) < want and time.monotonic() < until: time.sleep(0.005)
        return len(self.acks) >= want
    def safe(self, when):
        """How many records were said to be safe by then."""
        return max((n for t, n in self.acks if t <= when), default=0)
    def stop(self): self.process.kill(); self.process.wait()

class Disks:
    """An instance that is this machine, with mounted file systems on volumes of its own, and a writer on each."""
    def __init__(self, cloud, kinds):
        if os.geteuid(): raise Skip('mounting needs root')
        self.cloud, self.kinds, self.mounts, self.writers = cloud, kinds, [], []
        n = cloud.count
        data = []
        for i, kind in enumerate(kinds):
            image = '%s/data%d.img' % (cloud.dir, n * 8 + i)
            subprocess.run(['truncate', '-s', '64M' if kind == 'ext4' else '512M', image], check=True)
            subprocess.run(['mkfs.' + kind, *(['-q'] if kind != 'vfat' else []), *(['-F'] if kind == 'ext4' else []), image], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            data.append({'device': '/dev/sd%c' % (ord('f') + i), 'volume_id': DATA % (n * 8 + i), 'size': 1, 'file': image, 'adopt': 'move'})
        self.patient = cloud.patient(data=data)
        cloud.ask('POST', 'imds', {'instance': self.patient.instance})
        for i, d in enumerate(data):
            at = '%s/mnt%d' % (cloud.dir, n * 8 + i)
            os.mkdir(at)
            subprocess.run(['mount', '-o', 'loop', '%s/cloud/volumes/%s.img' % (cloud.dir, d['volume_id']), at], check=True)
            self.mounts.append(at)
        self.data = data
        self.options = [o for m in self.mounts for o in ('--freeze', m)]
    def write(self): self.writers = [Writer(m) for m, kind in zip(self.mounts, self.kinds) if kind != 'vfat']; return self
    def close(self):
        for w in self.writers: w.stop()
        for m in self.mounts: subprocess.run(['umount', m], check=True)
    def __enter__(self): return self
    def __exit__(self, *_): self.close()

def records_in(image, kind):
    """What the snapshot holds, by mounting it as it is: a log that needed replay would be refused."""
    at = tempfile.mkdtemp()
    options = {'ext4': 'ro,loop,noload', 'xfs': 'ro,loop,norecovery,nouuid', 'btrfs': 'ro,loop,rescue=nologreplay'}[kind]
    subprocess.run(['mount', '-o', options, image, at], check=True)
    try:
        with open(at + '/records') as f: return [int(line) for line in f.read().split('\n') if line]
    finally: subprocess.run(['umount', at], check=True); os.rmdir(at)
def needs_replay(image, kind):
    if kind == 'ext4': return 'needs_recovery' in subprocess.run(['dumpe2fs', '-h', image], capture_output=True, text=True).stdout
    return False

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
        process = begin('--freeze-limit', '1', delay=3000)
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

@scenario('there and back: a writer, the notice, the save, the end, the restore in another zone; every record that was said to be safe is there')
def round_trip(cloud):
    cloud.ask('POST', 'world', {'subnets': [{'id': 'subnet-0000000000000dddd', 'vpc': 'vpc-0123456789abcdef0', 'zone': 'us-east-1c', 'cidr': '10.0.3.0/24'}]})
    with Disks(cloud, ['ext4', 'xfs']) as disks:
        disks.write()
        cloud.ask('POST', 'change', {'id': disks.patient.instance, 'set': {'lifecycle': 'spot'}})
        log = cloud.dir + '/round.log'
        pids = ' '.join(str(w.process.pid) for w in disks.writers)
        with open(log, 'w') as f:
            watch = subprocess.Popen(cloud.argv('spot', 'watch', '--json', '--name', 'round', *disks.options, '--before', 'kill -TERM %s; sleep 0.2' % pids), env=cloud.env, stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        try:
            time.sleep(0.5)
            cloud.ask('POST', 'interrupt', {'id': disks.patient.instance, 'notice_s': 60 * 600})
            until = time.monotonic() + 20
            while not complete(cloud, 'round') and time.monotonic() < until: settle(cloud); time.sleep(0.1)
        finally: watch.terminate(); watch.wait()
        safe = [w.acks[-1][1] for w in disks.writers]
        kinds, data = disks.kinds, disks.data
    cloud.ask('POST', 'advance', {'seconds': 60 * 600 + 500})
    expect('the instance is gone', cloud.world().get(disks.patient.instance, {'state': 'terminated'})['state'], 'terminated')
    run = cloud.run('spot', 'restore', 'round', '--no-audit', '--zone', 'us-east-1c')
    expect('restored', (run.status, run.result), (0, 'restored'))
    inst = restored(cloud, run)
    expect('zone', inst['zone'], 'us-east-1c')
    for kind, d, last in zip(kinds, data, safe):
        volume = next(m['volume'] for m in inst['mapping'] if m['device'] == d['device'])
        image = '%s/cloud/volumes/%s.img' % (cloud.dir, volume)
        expect('%s needs a replay' % kind, needs_replay(image, kind), False)
        got = records_in(image, kind)
        if got != list(range(1, len(got) + 1)) or not last <= len(got) <= last + 1: raise Wrong('%s: %d records, and %d were safe' % (kind, len(got), last))

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

if __name__ == '__main__':
    if not os.geteuid():  # what is mounted here goes with this process
        ctypes.CDLL(None).unshare(0x20000)
        subprocess.run(['mount', '--make-rprivate', '/'], check=True)
    run_all(Cloud)
