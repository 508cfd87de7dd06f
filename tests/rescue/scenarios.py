#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rescue does in one situation after the other, against the embedded cloud. TAP. usage: scenarios.py [NAME...]"""
import os, shutil, signal, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Wrong, contains, expect, run_all, scenario, scenarios
from worlds import BUILD, Cloud, HELPER, IMAGE, KEY, LATENCIES

V = ['--verify-timeout', '60']
def mutating(cloud): return [c['action'] for c in cloud.calls() if not c['action'].startswith(('Describe', 'Get', 'List', 'Assume')) and not c['params'].get('DryRun')]
def texts(run, kind): return ' | '.join(e.get('text', '') for e in run.of(kind))
def home(cloud, p): expect('not at home', cloud.not_home(p), [])
def untouched(cloud, p): home(cloud, p); expect('the volume is as it was', cloud.is_old(p), True)
def wait_call(cloud, process, action):
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        if action in mutating(cloud): return
        time.sleep(0.005)
    raise Wrong('%s was never called' % action)

@scenario('a broken instance is rescued, answers, and everything is as it was')
def rescued(cloud):
    p = cloud.patient(); cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('status', (run.status, run.result), (0, 'rescued'))
    home(cloud, p)
    expect('boots', cloud.boots(p), True)
    verdict = run.of('verdict')[0]
    contains('verdict', verdict['text'], 'SSH banner')
    expect('has snapshot and way back', (verdict['snapshot'][:5], verdict['next'][:16]), ('snap-', 'ec2-rescue undo '))
    contains('steps', ' '.join(e['name'] for e in run.of('step') if e['state'] == 'done'), 'claim stop snapshot delete-on-termination detach attach')

@scenario('undo by the instance id brings the exact old bytes back')
def undone(cloud):
    p = cloud.patient()
    expect('rescued', cloud.rescue(p, options=V).status, 0)
    run = cloud.run('undo', '--yes', p.instance)
    expect('status', (run.status, run.result), (0, 'undone'))
    untouched(cloud, p)

@scenario('undo by the run id; a run that wrote nothing cannot be undone')
def undone_by_run(cloud):
    p = cloud.patient()
    run = cloud.rescue(p, options=V)
    undo = cloud.run('undo', '--yes', run.of('run')[0]['run'])
    expect('status', (undo.status, undo.result), (0, 'undone'))
    untouched(cloud, p)
    expect('unknown run', cloud.run('undo', '--yes', 'r20200101-000000-abcdef').status, 3)

@scenario('several at once, one of which does not exist')
def several(cloud):
    ps = [cloud.patient() for _ in range(6)]
    run = cloud.run('--yes', *V, *[p.instance for p in ps], 'i-0123456789abcdef0', ps[0].instance)
    expect('status', run.status, 3)
    expect('rescued', sorted(e['rescue'] for e in run.of('verdict') if e['result'] == 'rescued'), sorted(p.instance for p in ps))
    for p in ps: home(cloud, p); expect('boots', cloud.boots(p), True)

@scenario('a failure of one rescue does not stop the others')
def one_fails(cloud):
    ps = [cloud.patient() for _ in range(3)]
    cloud.ask('POST', 'faults', {'action': 'DetachVolume', 'nth': 2, 'kind': 'refused', 'code': 'UnauthorizedOperation', 'dry_run': False})
    run = cloud.rescue(*ps, options=V)
    expect('status', run.status, 4)
    expect('results', sorted(e['result'] for e in run.of('verdict')), ['rescued', 'rescued', 'returned'])
    for p in ps: home(cloud, p)

@scenario('a stopped instance is repaired and stays stopped; DeleteOnTermination=false stays false')
def stopped(cloud):
    p = cloud.patient(state='stopped', root={'delete_on_termination': False}); cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('status', (run.status, run.result), (0, 'repaired'))
    home(cloud, p)
    expect('boots', cloud.boots(p), True)
    if 'StopInstances' in mutating(cloud) or 'StartInstances' in mutating(cloud): raise Wrong('it was stopped or started')

@scenario('another root device name comes back as it was')
def device_name(cloud):
    p = cloud.patient(root_device_name='/dev/sda1', root={'device': '/dev/sda1'})
    expect('status', cloud.rescue(p, options=V).status, 0)
    home(cloud, p)

@scenario('--dry-run shows plan and hazards and changes nothing')
def dry_run(cloud):
    p = cloud.patient(public_ip='198.51.100.7'); cloud.forget()
    run = cloud.rescue(p, options=['--dry-run', '--via', 'self'])
    expect('status', run.status, 0)
    expect('plan', [s['name'] for s in run.of('plan')[0]['steps']][:4], ['claim', 'stop', 'snapshot', 'delete-on-termination'])
    contains('hazards', texts(run, 'hazard'), '198.51.100.7')
    expect('changes', mutating(cloud), [])
    untouched(cloud, p)

@scenario('without consent nothing is changed')
def no_consent(cloud):
    p = cloud.patient(); cloud.forget()
    run = cloud.run(p.instance)
    expect('status', run.status, 6)
    contains('error', texts(run, 'error'), '--yes')
    expect('changes', mutating(cloud), [])

@scenario('an instance that another run has claimed is refused, an expired claim is not')
def claimed(cloud):
    p = cloud.patient(); cloud.forget()
    def claim(until): return 'r20200101-000000-abcdef %s %s /dev/xvda dot=1 ran=1 standby=0 kind=repair via=self to=- surgery=untouched until=%s by=a@b' % (p.instance, p.volume, until)
    cloud.ask('POST', 'change', {'id': p.volume, 'set': {'tags': {'ec2-rescue': claim('2099-01-01T00:00:00Z')}}})
    run = cloud.rescue(p, options=V)
    expect('status', run.status, 6)
    contains('error', texts(run, 'error'), 'claimed by run r20200101-000000-abcdef of a@b')
    expect('changes', mutating(cloud), [])
    cloud.ask('POST', 'change', {'id': p.volume, 'set': {'tags': {'ec2-rescue': claim('2020-01-01T00:00:00Z')}}})
    expect('status', cloud.rescue(p, options=V).status, 0)
    home(cloud, p)

@scenario('of two rescues of one instance at the same time one is refused')
def race(cloud):
    p = cloud.patient()
    a, b = cloud.start('--yes', *V, p.instance), cloud.start('--yes', *V, p.instance)
    a, b = cloud.finish(a), cloud.finish(b)
    expect('statuses', sorted([a.status, b.status]), [0, 6])
    home(cloud, p)
    expect('boots', cloud.boots(p), True)

@scenario('nothing wrong on the volume: everything home, volume unchanged')
def healthy(cloud):
    p = cloud.patient()
    expect('repaired', cloud.rescue(p, options=V).result, 'rescued')
    run = cloud.rescue(p, options=V)
    expect('status', (run.status, run.result), (0, 'healthy'))
    contains('verdict', texts(run, 'verdict'), 'explains the trouble')
    home(cloud, p)

@scenario('^C once finishes the step and goes home')
def interrupted(cloud):
    p = cloud.patient(); cloud.forget()
    process = cloud.start('--yes', *V, p.instance)
    wait_call(cloud, process, 'StopInstances')
    process.send_signal(signal.SIGINT)
    run = cloud.finish(process)
    expect('status', (run.status, run.result), (21, 'returned'))
    untouched(cloud, p)
    if 'DetachVolume' in mutating(cloud): raise Wrong('it went on')

@scenario('^C twice leaves at once and names resume, which takes it home')
def interrupted_twice(cloud):
    p = cloud.patient(); cloud.forget()
    cloud.ask('POST', 'latencies', {'stopping': 1200})
    process = cloud.start('--yes', *V, p.instance)
    wait_call(cloud, process, 'StopInstances')
    process.send_signal(signal.SIGTERM); time.sleep(0.1); process.send_signal(signal.SIGINT)
    run = cloud.finish(process)
    cloud.ask('POST', 'latencies', {'stopping': 10})
    expect('status', run.status, 18)
    contains('next', run.of('verdict')[0]['next'], 'ec2-rescue resume r')
    cloud.ask('POST', 'advance', {'seconds': 1300})
    shown = cloud.run('resume', '--dry-run', p.instance)
    contains('what is left', ' | '.join(e['text'] for e in shown.of('fact') if e['name'] == 'left to do'), 'start instance %s; then release' % p.instance)
    away = cloud.run('resume', '--dry-run', p.instance, state=cloud.dir + '/dry')
    contains('what is left, by the tags', away.out, 'start instance %s; then release' % p.instance)
    expect('untouched', os.path.exists(cloud.dir + '/dry/runs'), False)
    again = cloud.run(*run.of('verdict')[0]['next'].split()[1:], *V)
    if again.status not in (0, 21): raise Wrong('resume: %d %s' % (again.status, again.out[-1000:]))
    home(cloud, p)

@scenario('resume: nothing to do; an unknown target; a run at which a process works')
def resume(cloud):
    state = cloud.dir + '/fresh'
    expect('nothing', cloud.run('resume', state=state).status, 0)
    expect('unknown', cloud.run('resume', 'i-0123456789abcdef0', state=state).status, 3)
    p = cloud.patient(); cloud.forget()
    cloud.ask('POST', 'latencies', {'stopping': 1200})
    process = cloud.start('--yes', *V, p.instance, state=state)
    wait_call(cloud, process, 'StopInstances')
    busy = cloud.run('resume', p.instance, state=state)
    cloud.ask('POST', 'latencies', {'stopping': 10})
    cloud.ask('POST', 'advance', {'seconds': 1300})
    expect('busy', busy.status, 8)
    expect('its run', cloud.finish(process).status, 0)
    home(cloud, p)

@scenario('an instance that does not answer: console, snapshot, undo; status 19')
def unverified(cloud):
    p = cloud.patient(boot={'verdict': 'impaired', 'console': 'Linux version 5\nlast words\n'})
    run = cloud.rescue(p, options=['--verify-timeout', '20'])
    expect('status', (run.status, run.result), (19, 'unverified'))
    contains('console', texts(run, 'console'), 'last words')
    contains('next', run.of('verdict')[0]['next'], 'ec2-rescue undo')
    home(cloud, p)

@scenario('a guest that does not stop: home without --force-stop, forced with it')
def hanging_stop(cloud):
    p = cloud.patient(os_hangs=True)
    cloud.ask('POST', 'latencies', {'stopping_hung': 2400})
    run = cloud.rescue(p, options=[*V, '--stop-timeout', '10'])
    contains('error', texts(run, 'error'), '--force-stop')
    expect('status', run.status, 10)
    untouched(cloud, p)
    run = cloud.rescue(p, options=[*V, '--stop-timeout', '10', '--force-stop'])
    expect('status', (run.status, run.result), (0, 'rescued'))
    cloud.ask('POST', 'latencies', {'stopping_hung': [180, 300]})

@scenario('a refused snapshot: home, and --no-snapshot is named; with it the rescue goes on')
def snapshot_refused(cloud):
    p = cloud.patient()
    cloud.ask('POST', 'faults', {'action': 'CreateSnapshot', 'times': -1, 'kind': 'refused', 'code': 'SnapshotLimitExceeded', 'dry_run': False})
    run = cloud.rescue(p, options=V)
    contains('error', texts(run, 'error'), '--no-snapshot')
    expect('status', run.status, 20)
    untouched(cloud, p)
    expect('status', cloud.rescue(p, options=[*V, '--no-snapshot']).status, 0)
    home(cloud, p)

@scenario('a start without capacity: away, said in words, and resume starts it later')
def no_capacity(cloud):
    p = cloud.patient()
    cloud.ask('POST', 'faults', {'action': 'StartInstances', 'times': -1, 'kind': 'refused', 'code': 'InsufficientInstanceCapacity', 'status': 500, 'dry_run': False})
    run = cloud.rescue(p, options=V, pace=300)
    expect('status', (run.status, run.result), (18, 'away'))
    contains('verdict', texts(run, 'verdict'), 'start instance %s' % p.instance)
    contains('verdict', texts(run, 'verdict'), 'InsufficientInstanceCapacity')
    cloud.forget()
    again = cloud.run('resume', *V, p.instance)
    expect('resume', (again.status, again.result), (0, 'rescued'))
    home(cloud, p)

@scenario('a device name that turns out to be taken: the next one')
def name_taken(cloud):
    p = cloud.patient()
    cloud.ask('POST', 'faults', {'action': 'AttachVolume', 'kind': 'refused', 'dry_run': False, 'code': 'InvalidParameterValue',
                                 'message': "Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use"})
    expect('status', cloud.rescue(p, options=V).status, 0)
    home(cloud, p)

@scenario('a server that knows fewer calls costs warnings, not the rescue')
def fewer_calls(cloud):
    p = cloud.patient()
    for action in ('DescribeInstanceTypes', 'DescribeAutoScalingInstances', 'DescribeInstanceStatus', 'DescribeInstanceAttribute', 'GetConsoleOutput',
                   'DescribeSubnets', 'DescribeVpcs', 'CreateTags'):
        cloud.ask('POST', 'faults', {'action': action, 'times': -1, 'kind': 'refused', 'code': 'InvalidAction'})
    run = cloud.rescue(p, options=V)
    expect('status', (run.status, run.result), (0, 'rescued'))
    contains('warnings', texts(run, 'warning'), 'another machine cannot resume')
    home(cloud, p)

@scenario('an instance that is terminated on the way: away, the volume is named and safe')
def terminated(cloud):
    p = cloud.patient(root={'delete_on_termination': False}); cloud.forget()
    cloud.ask('POST', 'latencies', {'attaching': 1200})
    process = cloud.start('--yes', *V, p.instance)
    wait_call(cloud, process, 'AttachVolume')
    cloud.ask('POST', 'change', {'id': p.instance, 'set': {'state': 'terminated'}})
    cloud.ask('POST', 'latencies', {'attaching': 3}); cloud.ask('POST', 'advance', {'seconds': 1300})
    run = cloud.finish(process)
    expect('status', run.status, 18)
    contains('verdict', texts(run, 'verdict'), p.volume)

def refused(over, code, part):
    def check(cloud):
        p = cloud.patient(**over); cloud.forget()
        run = cloud.rescue(p, options=V)
        expect('status', run.status, code)
        contains('error', texts(run, 'error'), part)
        expect('changes', mutating(cloud), [])
    return check
for name, over, code, part in [
    ('stop_protected', {'disable_api_stop': True}, 6, 'protected against being stopped'),
    ('marketplace', {'product_codes': [{'code': 'abc123', 'type': 'marketplace'}]}, 13, 'abc123'),
    ('instance_store', {'root_device_type': 'instance-store'}, 13, 'instance store'),
    ('gone', {'state': 'terminated'}, 6, 'nothing to rescue'),
    ('windows', {'raw': {'platform': 'windows'}}, 13, 'Windows')]:
    scenarios.append((name, 'refused before anything is changed: ' + name, refused(over, code, part)))

@scenario('the helper itself, and a malformed id, are refused')
def helper_itself(cloud):
    for way in ('auto', 'self', 'snapshot'):
        run = cloud.run('--yes', '--via', way, HELPER)
        expect('status', run.status, 6)
        contains('error', texts(run, 'error'), 'this machine')
    expect('malformed', cloud.run('--yes', 'i-12').status, 2)

def warned(over, part):
    def check(cloud):
        p = cloud.patient(**over)
        run = cloud.rescue(p, options=['--dry-run', '--via', 'self'])
        contains('hazards', texts(run, 'hazard'), part)
        expect('needs consent', [e['needs_consent'] for e in run.of('hazard') if part in e['text']], [True])
    return check
for name, over, part in [
    ('store', {'type': 'm5d.large'}, 'instance-store disks'),
    ('address', {'public_ip': '203.0.113.9'}, '203.0.113.9'),
    ('asg', {'asg': 'web-servers'}, 'web-servers'),
    ('spot', {'lifecycle': 'spot', 'spot_type': 'persistent'}, 'Spot Instance'),
    ('shutdown', {'shutdown_behavior': 'terminate'}, 'shutdown behaviour')]:
    scenarios.append(('hazard_' + name, 'a hazard is named with its amount: ' + name, warned(over, part)))

S = ['--via', 'snapshot', *V]
def swapped(cloud, p, run):
    """Its root is a new, repaired volume; the old one is as it was, and says so."""
    home(cloud, p)
    if p.volume == p.first: raise Wrong('it has its old root')
    expect('boots', cloud.boots(p), True)
    expect('the first root is as it was', cloud.first_is_old(p), True)
    world, verdict = cloud.world(), run.of('verdict')[0]
    expect('verdict', (verdict['root'], verdict['kept']), (p.volume, p.first))
    contains('verdict', verdict['text'], 'paid for until it is deleted')
    expect('kept', [key for key in world[p.first]['tags'] if key.startswith('ec2-rescue')], ['ec2-rescue-kept'])
    expect('snapshots', sorted({row['volume'] for id, row in world.items() if id.startswith('snap-') and row['tags'].get('ec2-rescue-run') == verdict['run']}), [p.first])

@scenario('by snapshot: no helper, the old root is never written, a new one takes its place, and undo puts the old one back')
def by_snapshot(cloud):
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    p = cloud.patient(asg='web', root={'encrypted': True, 'kms_key': KEY, 'type': 'io1', 'iops': 500, 'tags': {'Name': 'root', 'team': 'web'}}); cloud.forget()
    run = cloud.rescue(p, options=S)
    expect('status', (run.status, run.result), (0, 'rescued'))
    swapped(cloud, p, run)
    new = cloud.world()[p.volume]
    expect('the new root is as the old one was', (new['type'], new['iops'], new['encrypted'], new['tags'].get('Name'), new['tags'].get('team')), ('io1', 500, True, 'root', 'web'))
    calls = [c for c in mutating(cloud) if c in ('StopInstances', 'CreateSnapshot', 'StartSnapshot', 'CompleteSnapshot', 'CreateVolume', 'DetachVolume', 'AttachVolume', 'StartInstances', 'DeleteSnapshot')]
    expect('order', [c for n, c in enumerate(calls) if c not in calls[:n]], ['CompleteSnapshot', 'StopInstances', 'CreateSnapshot', 'StartSnapshot', 'CreateVolume', 'DetachVolume', 'AttachVolume', 'StartInstances', 'DeleteSnapshot'])
    made = p.volume
    cloud.forget()
    asked = cloud.run('undo', p.instance)
    expect('not without consent', (asked.status, [c for c in mutating(cloud) if c != 'CompleteSnapshot']), (6, []))
    contains('what it costs', ' '.join(e['text'] for e in asked.of('hazard') if e['costs'] == 'data'), 'what was written since then is on ' + made)
    undo = cloud.run('undo', '--yes', p.instance)
    expect('undo', (undo.status, undo.result), (0, 'undone'))
    untouched(cloud, p)
    expect('its first root', p.volume, p.first)
    expect('tags', [key for key in cloud.world()[p.first]['tags'] if key.startswith('ec2-rescue')], [])
    expect('the repaired one is there', cloud.world()[made]['state'], 'available')
    cloud.ask('POST', 'latencies', {'snapshot': 600})

@scenario('auto: from a laptop, and in another zone, it goes by snapshot and says why; a helper that is named is used')
def by_itself(cloud):
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    p = cloud.patient()
    run = cloud.run('--yes', *V, p.instance, env={'AWS_EC2_METADATA_DISABLED': 'true'})
    expect('status', (run.status, run.result), (0, 'rescued'))
    contains('why', texts(run, 'fact'), 'snapshot: this machine is no EC2 instance')
    swapped(cloud, p, run)
    there = {'zone': 'us-east-1b', 'subnet': 'subnet-0123456789abcdef1'}
    cloud.ask('POST', 'world', {'subnets': [{'id': there['subnet'], 'vpc': 'vpc-0123456789abcdef0', 'zone': 'us-east-1b', 'cidr': '10.0.2.0/24'}]})
    p = cloud.patient(**there, root={'zone': 'us-east-1b'})
    run = cloud.rescue(p, options=V)
    expect('status', (run.status, run.result), (0, 'rescued'))
    contains('why', texts(run, 'fact'), 'this machine is in us-east-1a, the volume in us-east-1b')
    swapped(cloud, p, run)
    expect('zone', cloud.world()[p.volume]['zone'], 'us-east-1b')
    p = cloud.patient(**there, root={'zone': 'us-east-1b'})
    for way in (['--via', 'self'], ['--helper', HELPER], ['--no-snapshot']):
        run = cloud.rescue(p, options=[*way, *V])
        expect('status', run.status, 6)
        contains('error', texts(run, 'error'), 'cannot leave its zone')
    p = cloud.patient()
    run = cloud.rescue(p, options=V)
    contains('why', texts(run, 'fact'), 'self: this machine can have it attached')
    expect('the root', (run.result, p.volume), ('rescued', p.first))
    cloud.ask('POST', 'latencies', {'snapshot': 600})

@scenario('by snapshot: several at once, one that is stopped, one with nothing to repair')
def by_snapshot_several(cloud):
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    ps = [cloud.patient() for _ in range(3)] + [cloud.patient(state='stopped')]
    run = cloud.rescue(*ps, options=S)
    expect('status', run.status, 0)
    expect('results', sorted(e['result'] for e in run.of('verdict')), ['repaired', 'rescued', 'rescued', 'rescued'])
    for p in ps:
        home(cloud, p)
        expect('boots, the first as it was', (cloud.boots(p), cloud.first_is_old(p)), (True, True))
    p, now = ps[0], ps[0].volume
    run = cloud.rescue(p, options=S)
    expect('status', (run.status, run.result), (0, 'healthy'))
    home(cloud, p)
    expect('its root', p.volume, now)
    cloud.ask('POST', 'latencies', {'snapshot': 600})

@scenario('by snapshot: whatever cannot be had on the way, the old root stays in its place, unwritten')
def by_snapshot_refused(cloud):
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    for action, code, part in (('CreateSnapshot', 'SnapshotLimitExceeded', 'SnapshotLimitExceeded'), ('ListSnapshotBlocks', 'InternalServerException', 'InternalServerException'),
                               ('GetSnapshotBlock', 'AccessDeniedException', 'ebs:GetSnapshotBlock'), ('StartSnapshot', 'ConcurrentLimitExceededException', 'ConcurrentLimitExceeded'),
                               ('PutSnapshotBlock', 'AccessDeniedException', 'ebs:PutSnapshotBlock'), ('CompleteSnapshot', 'ValidationException', 'ValidationException'),
                               ('CreateVolume', 'VolumeLimitExceeded', 'VolumeLimitExceeded'), ('AttachVolume', 'InvalidVolume.ZoneMismatch', 'ZoneMismatch')):
        p = cloud.patient(); cloud.forget()
        # What the preflight asks of a snapshot that does not exist is answered; only then is it refused.
        first = 2 if action in ('ListSnapshotBlocks', 'CompleteSnapshot') else 1
        for nth in range(first, first + (3 if action == 'AttachVolume' else 8)): cloud.ask('POST', 'faults', {'action': action, 'nth': nth, 'kind': 'refused', 'code': code, 'dry_run': False})
        run = cloud.rescue(p, options=S)
        if run.status in (0, 1) or run.result != 'returned': raise Wrong('%s: %r %s' % (action, (run.status, run.result), run.out[-1500:]))
        contains(action, texts(run, 'error') + texts(run, 'warning') + texts(run, 'verdict'), part)
        untouched(cloud, p)
        expect(action + ': its root', p.volume, p.first)
        left = [id for id, row in cloud.world().items() if id.startswith('snap-') and row['volume'] == 'vol-ffffffff' and not row.get('gone') and run.of('verdict')[0]['run'] == row['tags'].get('ec2-rescue-run')]
        expect(action + ': left', left, [])
    cloud.ask('POST', 'latencies', {'snapshot': 600})

@scenario('by snapshot: a permission that is missing is named before anything is stopped')
def by_snapshot_denied(cloud):
    for action, code, iam in (('ListSnapshotBlocks', 'AccessDeniedException', 'ebs:ListSnapshotBlocks'), ('CompleteSnapshot', 'AccessDeniedException', 'ebs:CompleteSnapshot'), ('CreateVolume', 'UnauthorizedOperation', 'ec2:CreateVolume')):
        p = cloud.patient(); cloud.forget()
        cloud.ask('POST', 'faults', {'action': action, 'times': -1, 'kind': 'refused', 'code': code, 'status': 403})
        run = cloud.rescue(p, options=S)
        expect('status', run.status, 4)
        contains('error', texts(run, 'error'), iam)
        expect('changes', [c for c in mutating(cloud) if c != 'CompleteSnapshot'], [])
        untouched(cloud, p)

@scenario('by snapshot: an account that encrypts by default lets no child of an unencrypted root be written: refused before the stop')
def by_snapshot_encryption(cloud):
    cloud.ask('POST', 'world', {'encryption_by_default': True}); cloud.ask('POST', 'latencies', {'snapshot': 3})
    p, q = cloud.patient(), cloud.patient(root={'encrypted': True, 'kms_key': KEY}); cloud.forget()
    run = cloud.rescue(p, options=S)
    expect('status', run.status, 6)
    contains('error', texts(run, 'error'), 'run on an instance in us-east-1a')
    expect('changes', [c for c in mutating(cloud) if c != 'CompleteSnapshot'], [])
    run = cloud.rescue(q, options=S)
    expect('an encrypted one', (run.status, run.result), (0, 'rescued'))
    cloud.ask('POST', 'world', {'encryption_by_default': False})
    cloud.ask('POST', 'faults', {'action': 'GetEbsEncryptionByDefault', 'kind': 'refused', 'code': 'UnauthorizedOperation', 'status': 403})
    run = cloud.rescue(p, options=S)
    contains('could not tell', texts(run, 'hazard'), 'ec2:GetEbsEncryptionByDefault')
    expect('all the same', (run.status, run.result), (0, 'rescued'))
    cloud.ask('POST', 'latencies', {'snapshot': 600})

R = ['--via', 'replace', *V]
@scenario('by replacement: the instance is not stopped, and gets a repaired root from EC2; undo puts the old one back')
def by_replacement(cloud):
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    p = cloud.patient(asg='web', root={'encrypted': True, 'kms_key': KEY, 'tags': {'team': 'web'}}); cloud.forget()
    run = cloud.rescue(p, options=R)
    expect('status', (run.status, run.result), (0, 'rescued'))
    swapped(cloud, p, run)
    world = cloud.world()
    expect('the new root has the tags', world[p.volume]['tags'].get('team'), 'web')
    expect('images', [id for id, row in world.items() if id.startswith('ami-') and not row.get('gone') and 'ec2-rescue' in row.get('name', '')], [])
    expect('stopped', [c for c in mutating(cloud) if c in ('StopInstances', 'StartInstances', 'DetachVolume', 'AttachVolume')], [])
    contains('what it costs', ' '.join(e['text'] for e in run.of('hazard') if e['costs'] == 'data'), 'goes on running meanwhile')
    undo = cloud.run('undo', '--yes', p.instance)
    expect('undo', (undo.status, undo.result, p.first), (0, 'undone', p.first))
    untouched(cloud, p)
    cloud.ask('POST', 'latencies', {'snapshot': 600})

@scenario('auto: where a stop would lose instance-store data, the root is replaced, if EC2 does that')
def replaced_by_itself(cloud):
    for over, why in (({'type': 'm5d.large'}, 'replace: a stop would lose what is on its instance-store disks'), ({'public_ip': '203.0.113.9'}, 'self:'),
                      ({'type': 'm5d.large', 'state': 'stopped'}, 'self:'), ({'type': 'm5d.metal'}, 'self:'), ({}, 'self:')):
        p = cloud.patient(**over)
        run = cloud.rescue(p, options=['--dry-run'])
        contains('why', texts(run, 'fact'), why)
        expect('no hazard of a stop', [e['text'] for e in run.of('hazard') if 'lost by the stop' in e['text'] or 'no Elastic IP' in e['text']] if why.startswith('replace') else [], [])

@scenario('by replacement: refused where EC2 does not do it; a task that fails leaves the old root, or says what to do')
def by_replacement_fails(cloud):
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    for over, part in (({'state': 'stopped'}, 'not running'), ({'type': 'm5.metal'}, 'm5.metal')):
        p = cloud.patient(**over); cloud.forget()
        run = cloud.rescue(p, options=R)
        expect('status', run.status, 6)
        contains('error', texts(run, 'error'), part)
        untouched(cloud, p)
    p = cloud.patient(replace_fails='failed')
    run = cloud.rescue(p, options=R)
    expect('status', (run.status, run.result), (20, 'returned'))
    contains('why', texts(run, 'warning'), 'is failed')
    untouched(cloud, p)
    for action, code in (('RegisterImage', 'InvalidParameterValue'), ('CreateReplaceRootVolumeTask', 'UnsupportedOperation')):
        p = cloud.patient(); cloud.forget()
        for nth in range(1, 9): cloud.ask('POST', 'faults', {'action': action, 'nth': nth, 'kind': 'refused', 'code': code, 'dry_run': False})
        run = cloud.rescue(p, options=R)
        expect(action, run.result, 'returned')
        contains(action, texts(run, 'warning'), code)
        untouched(cloud, p)
    p = cloud.patient(replace_fails='failed-detached'); cloud.forget()
    run = cloud.rescue(p, options=R)
    expect('status', (run.status, run.result), (20, 'returned'))
    contains('why', texts(run, 'warning'), 'is failed-detached')
    untouched(cloud, p)
    cloud.ask('POST', 'latencies', {'snapshot': 600})

@scenario('by snapshot: without any privilege')
def by_snapshot_unprivileged(cloud):
    if os.geteuid(): return  # every other scenario was one without
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    p, state = cloud.patient(), cloud.dir + '/nobody'
    os.mkdir(state); os.chown(state, 65534, 65534); os.chmod(cloud.dir, 0o711)
    argv = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', *cloud.argv('--yes', *S, p.instance, '--json', state=state)]
    run = cloud.finish(subprocess.Popen(argv, env=cloud.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    os.chmod(cloud.dir, 0o700)
    expect('status', (run.status, run.result), (0, 'rescued'))
    swapped(cloud, p, run)
    cloud.ask('POST', 'latencies', {'snapshot': 600})

H = ['--via', 'helper', *V]
def nothing_launched(cloud): expect('left of helpers', cloud.launched(), {})

@scenario('by helper: one is launched beside the stop, operated on over ssh and gone afterwards; undo takes another')
def by_helper(cloud):
    cloud.offer_helpers()
    p = cloud.patient(asg='web', root={'encrypted': True, 'kms_key': KEY}); cloud.forget()
    run = cloud.run('--yes', *V, p.instance, env={'AWS_EC2_METADATA_DISABLED': 'true'})
    expect('status', (run.status, run.result), (0, 'rescued'))
    contains('why', texts(run, 'fact'), 'helper: this machine is no EC2 instance')
    contains('what it costs', ' '.join(e['text'] for e in run.of('hazard') if e['costs'] == 'money'), 'image ' + IMAGE)
    home(cloud, p); nothing_launched(cloud)
    expect('the same root', (p.volume, cloud.boots(p)), (p.first, True))
    calls = [c for c in mutating(cloud) if c in ('CreateSecurityGroup', 'AuthorizeSecurityGroupIngress', 'RunInstances', 'StopInstances', 'DetachVolume', 'AttachVolume', 'StartInstances', 'TerminateInstances', 'DeleteSecurityGroup')]
    expect('order', [c for n, c in enumerate(calls) if c not in calls[:n]], ['CreateSecurityGroup', 'AuthorizeSecurityGroupIngress', 'RunInstances', 'StopInstances', 'DetachVolume', 'AttachVolume', 'StartInstances', 'TerminateInstances', 'DeleteSecurityGroup'])
    launch = [c['params'] for c in cloud.calls() if c['action'] == 'RunInstances' and not c['params'].get('DryRun')][0]
    expect('metadata by tokens, terminated by a shutdown', (launch['MetadataOptions.HttpTokens'], launch['InstanceInitiatedShutdownBehavior']), ('required', 'terminate'))
    opened = [c['params'] for c in cloud.calls() if c['action'] == 'AuthorizeSecurityGroupIngress'][0]
    contains('ssh from here alone', ' '.join(opened.values()), '/32')
    undo = cloud.run('undo', '--yes', p.instance, env={'AWS_EC2_METADATA_DISABLED': 'true'})
    expect('undo', (undo.status, undo.result), (0, 'undone'))
    untouched(cloud, p); nothing_launched(cloud)
    cloud.offer_helpers(False)

@scenario('by helper: several at once share one, which is handed on and gone with the last')
def by_helper_several(cloud):
    cloud.offer_helpers()
    ps = [cloud.patient() for _ in range(3)] + [cloud.patient(state='stopped')]; cloud.forget()
    run = cloud.rescue(*ps, options=H)
    expect('status', run.status, 0)
    for p in ps: home(cloud, p); expect('boots', cloud.boots(p), True)
    expect('launches', mutating(cloud).count('RunInstances'), 1)
    nothing_launched(cloud)
    cloud.offer_helpers(False)

@scenario('by helper: a zone without capacity of one type gives another; without any, and with a closed port, everything is home')
def by_helper_refused(cloud):
    cloud.offer_helpers()
    p = cloud.patient(); cloud.forget()
    full = {'action': 'RunInstances', 'kind': 'refused', 'code': 'InsufficientInstanceCapacity', 'status': 500, 'dry_run': False}
    cloud.ask('POST', 'faults', dict(full, times=2))
    run = cloud.rescue(p, options=H)
    expect('status', (run.status, run.result), (0, 'rescued'))
    expect('types', [c['params']['InstanceType'] for c in cloud.calls() if c['action'] == 'RunInstances' and not c['params'].get('DryRun')], ['t3.nano', 't3a.nano', 't3.micro'])
    p = cloud.patient(); cloud.forget()
    cloud.ask('POST', 'faults', dict(full, times=-1))
    run = cloud.rescue(p, options=H)
    expect('status', run.result, 'returned')
    untouched(cloud, p); nothing_launched(cloud)
    if 'StopInstances' in mutating(cloud): raise Wrong('it was stopped')
    cloud.ask('DELETE', 'faults')
    cloud.forget()
    for nonsense in (['--subnet', 'subnet-00000000000000000'], ['--helper-image', 'nonsense']):
        run = cloud.rescue(p, options=[*H, *nonsense])
        expect('status', run.status, 6)
        contains('error', texts(run, 'error'), nonsense[0])
    expect('changes', mutating(cloud), [])
    run = cloud.rescue(p, options=[*H, '--ssh-from', '192.0.2.1'], pace=100)
    expect('status', run.result, 'returned')
    contains('error', texts(run, 'error'), '--ssh-from')
    untouched(cloud, p); nothing_launched(cloud)
    cloud.offer_helpers(False)

@scenario('by helper: killed in the middle of the write, and the helper has shut itself down by the time of the resume: another one finishes it')
def by_helper_stranded(_):
    # Long enough in coming up that a look or two see it pending.
    with Cloud(latencies=dict(LATENCIES, run_pending=120)) as cloud:
        cloud.offer_helpers()
        p = cloud.patient(); cloud.forget()
        killer = [BUILD + '/tests/proof/tool-killer', '--at', 'surgeon rename records/state#1', '--after', '--']
        killed = cloud.finish(subprocess.Popen(killer + cloud.argv('--yes', *H, p.instance, '--json'), env=cloud.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        expect('killed', [e['name'] for e in killed.of('step') if e['state'] == 'begun'][-1], 'repair')
        expect('there', len([id for id in cloud.launched() if id.startswith('i-')]), 1)
        for _ in range(3): cloud.ask('POST', 'advance', {'seconds': 61 * LATENCIES['shutdown_minute']}); time.sleep(0.1)
        expect('gone', [id for id in cloud.launched() if id.startswith('i-')], [])
        run = cloud.run('resume', '--yes', *V, p.instance)
        expect('status', (run.status, run.result), (0, 'rescued'))
        home(cloud, p); nothing_launched(cloud)
        expect('boots', cloud.boots(p), True)
        expect('launches', mutating(cloud).count('RunInstances'), 2)

@scenario('by helper: killed, resumed here and elsewhere')
def by_helper_killed(cloud):
    cloud.offer_helpers()
    for machine in ('here', 'there'):
        for call in ('RunInstances', 'AttachVolume'):
            p = cloud.patient(); cloud.forget()
            process = cloud.start('--yes', *H, p.instance)
            wait_call(cloud, process, call)
            process.kill(); process.wait()
            run = cloud.run('resume', '--yes', *V, p.instance, state=cloud.state(machine))
            expect('%s %s' % (machine, call), run.result, 'rescued' if machine == 'here' else 'returned')
            home(cloud, p); nothing_launched(cloud)
    cloud.offer_helpers(False)

@scenario('by helper: where the patient has a public address so has the helper, and ssh comes from the address that the internet sees')
def by_helper_public(cloud):
    cloud.offer_helpers()
    p = cloud.patient(public_ip='198.51.100.7'); cloud.forget()
    run = cloud.rescue(p, options=[*H, '--ssh-host', cloud.world()[p.instance]['private_ip']])
    expect('status', (run.status, run.result), (0, 'rescued'))
    launch = [c['params'] for c in cloud.calls() if c['action'] == 'RunInstances' and not c['params'].get('DryRun')][0]
    expect('public', launch['NetworkInterface.1.AssociatePublicIpAddress'], 'true')
    home(cloud, p); nothing_launched(cloud)
    run = cloud.rescue(cloud.patient(public_ip='198.51.100.8'), options=[*H, '--dry-run'], env={'EC2_RESCUE_CHECKIP_URL': cloud.url + '/nowhere'})
    expect('status', run.status, 6)
    contains('error', texts(run, 'error'), '--ssh-from')
    cloud.offer_helpers(False)

@scenario('by helper: what was made shows late everywhere')
def by_helper_late(_):
    with Cloud(consistency=8) as cloud:
        cloud.offer_helpers()
        p = cloud.patient()
        cloud.ask('POST', 'consistency', {'visible_after_s': [60, 60]})  # 0.1 s here: later than the next call, however slow this machine is
        run = cloud.rescue(p, options=H)
        expect('status', (run.status, run.result), (0, 'rescued'))
        time.sleep(0.3)
        home(cloud, p); nothing_launched(cloud)
        refused = [c for c in cloud.calls() if c['action'] in ('RunInstances', 'AuthorizeSecurityGroupIngress') and c['result'] == 'InvalidGroup.NotFound']
        if not refused: raise Wrong('nothing showed late')

@scenario('by helper: one that is there is used and stays')
def by_helper_named(cloud):
    cloud.offer_helpers()
    p = cloud.patient(); cloud.forget()
    run = cloud.rescue(p, options=[*H, '--keep-helper'])
    expect('status', (run.status, run.result), (0, 'rescued'))
    kept = [id for id in cloud.launched() if id.startswith('i-')]
    expect('kept', len(kept), 1)
    world = cloud.world()[kept[0]]
    q = cloud.patient()
    config = cloud.dir + '/ssh.%s' % kept[0]
    key = '%s/runs/%s/helper' % (cloud.state('here'), run.of('run')[0]['run'])
    with open(config, 'w') as f: f.write('Host *\n  User ec2-rescue\n  IdentityFile %s/login\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n' % key)
    os.mkdir(cloud.dir + '/bin')
    with open(cloud.dir + '/bin/ssh', 'w') as f: f.write('#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n' % config)
    os.chmod(cloud.dir + '/bin/ssh', 0o755)
    cloud.forget()
    run = cloud.run('--yes', *V, '--helper', kept[0], q.instance, env={'AWS_EC2_METADATA_DISABLED': 'true', 'PATH': cloud.dir + '/bin:' + cloud.env['PATH']}, own_devices=False)
    expect('status', (run.status, run.result), (0, 'rescued'))
    home(cloud, q)
    if 'RunInstances' in mutating(cloud) or 'TerminateInstances' in mutating(cloud): raise Wrong('one was launched or terminated')
    cloud.ask('POST', 'change', {'id': kept[0], 'set': {'state': 'terminated'}})
    cloud.offer_helpers(False)

@scenario('by snapshot: options that contradict it, and an undo whose kept root is gone, are refused')
def by_snapshot_nonsense(cloud):
    p = cloud.patient(); cloud.forget()
    for options, part in ((['--via', 'post'], 'not auto, self, helper, snapshot or replace'), (['--via', 'snapshot', '--no-snapshot'], '--no-snapshot'), (['--via', 'snapshot', '--helper', HELPER], '--helper')):
        run = cloud.run('--yes', *options, p.instance)
        expect('status', run.status, 2)
        contains('error', texts(run, 'error'), part)
    expect('changes', mutating(cloud), [])
    cloud.ask('POST', 'latencies', {'snapshot': 3})
    expect('rescued', cloud.rescue(p, options=S).result, 'rescued')
    cloud.ask('POST', 'change', {'id': p.first, 'set': {'state': 'deleted'}})
    cloud.forget()
    run = cloud.run('undo', '--yes', p.instance)
    expect('status', run.status, 16)
    contains('error', texts(run, 'error'), p.first)
    expect('changes', mutating(cloud), [])
    cloud.ask('POST', 'latencies', {'snapshot': 600})

@scenario('a member of an Auto Scaling group is in standby meanwhile, and in service afterwards')
def standby(cloud):
    p = cloud.patient(asg='web'); cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('status', (run.status, run.result), (0, 'rescued'))
    home(cloud, p)
    calls = mutating(cloud)
    expect('order', [c for c in calls if c in ('EnterStandby', 'StopInstances', 'StartInstances', 'ExitStandby', 'DeleteTags')],
           ['EnterStandby', 'StopInstances', 'StartInstances', 'ExitStandby', 'DeleteTags'])
    expect('plan', [s['name'] for s in run.of('plan')[0]['steps']][:3], ['claim', 'standby', 'stop'])
    undo = cloud.run('undo', '--yes', p.instance)
    expect('undo', (undo.status, undo.result), (0, 'undone'))
    untouched(cloud, p)

@scenario('a group that may not shrink, a missing permission for standby: nothing is stopped, everything home')
def standby_refused(cloud):
    cloud.ask('POST', 'world', {'auto_scaling_groups': [{'name': 'tight', 'min': 1}]})
    p = cloud.patient(asg='tight'); cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('status', run.status, 2)
    contains('error', texts(run, 'error'), 'min-size=1')
    expect('stopped', 'StopInstances' in mutating(cloud), False)
    untouched(cloud, p)
    p = cloud.patient(asg='web'); cloud.forget()
    cloud.ask('POST', 'faults', {'action': 'EnterStandby', 'kind': 'refused', 'code': 'AccessDenied', 'message': 'no'})
    run = cloud.rescue(p, options=V)
    expect('status', run.status, 4)
    contains('error', texts(run, 'error'), 'autoscaling:EnterStandby')
    expect('stopped', 'StopInstances' in mutating(cloud), False)
    untouched(cloud, p)

@scenario('a member that is in standby already stays there; one that is stopped is not put there')
def standby_found(cloud):
    p = cloud.patient(asg='web', asg_state='Standby'); cloud.forget()
    expect('status', cloud.rescue(p, options=V).status, 0)
    expect('calls', [c for c in mutating(cloud) if 'Standby' in c], [])
    expect('state', cloud.world()[p.instance]['asg_state'], 'Standby')
    p = cloud.patient(asg='web', state='stopped'); cloud.forget()
    run = cloud.rescue(p, options=['--dry-run'])
    contains('hazards', texts(run, 'hazard'), 'terminates it')
    expect('plan', [s['name'] for s in run.of('plan')[0]['steps']][:2], ['claim', 'snapshot'])

@scenario('Spot Instances that EC2 does not stop, or starts again by itself, are refused before anything is changed')
def spot(cloud):
    p = cloud.patient(lifecycle='spot', spot_type='one-time'); cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('one-time', run.status, 13)
    contains('error', texts(run, 'error'), 'one-time request')
    expect('changes', mutating(cloud), [])
    p = cloud.patient(lifecycle='spot', spot_type='persistent')
    by = cloud.world()
    cloud.ask('POST', 'world', {'spot_requests': [{'id': by[p.instance]['spot_request'], 'state': 'open', 'status': 'instance-stopped-no-capacity'}],
                                'instances': [{'id': p.instance, 'state': 'stopped'}]})
    cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('stopped by the service', run.status, 6)
    contains('error', texts(run, 'error'), 'instance-stopped-no-capacity')
    expect('changes', mutating(cloud), [])
    p = cloud.patient(lifecycle='spot', spot_type='persistent')
    expect('persistent', cloud.rescue(p, options=V).status, 0)
    home(cloud, p)

def key(cloud, n, state):
    arn = KEY[:-12] + '%012d' % n
    cloud.ask('POST', 'world', {'keys': {arn: state}} if state else {})
    return {'encrypted': True, 'kms_key': arn}

@scenario('a key is asked for once, and one that can be used stops nobody')
def key_usable(cloud):
    k = key(cloud, 1, 'Enabled')
    p, q = cloud.patient(root=k), cloud.patient(root=k); cloud.forget()
    run = cloud.rescue(p, q, options=V)
    expect('status', run.status, 0)
    contains('hazard', texts(run, 'hazard'), 'kms:CreateGrant')
    expect('asked', [c['action'] for c in cloud.calls()].count('DescribeKey'), 1)
    home(cloud, p); home(cloud, q)

@scenario('a volume whose key cannot be used, the root or another, is a refusal before anything is changed')
def key_unusable(cloud):
    data = {'device': '/dev/sdb', 'volume_id': 'vol-0dddddddddddddd01', 'size': 1}
    for n, (state, status, text) in enumerate([('Disabled', 6, 'aws kms enable-key'), ('PendingDeletion', 6, 'aws kms cancel-key-deletion'),
                                               ('Unavailable', 6, 'aws kms describe-key'), (None, 3, 'does not exist any more')], 2):
        p = cloud.patient(root=key(cloud, n, state)); cloud.forget()
        run = cloud.rescue(p, options=V)
        expect('%s: status' % state, run.status, status)
        contains('error', texts(run, 'error'), text)
        contains('the key', texts(run, 'error'), KEY[:-12] + '%012d' % n)
        expect('changes', mutating(cloud), [])
        untouched(cloud, p)
    p = cloud.patient(data=[dict(data, **key(cloud, 9, 'Disabled'))]); cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('a data volume: status', run.status, 6)
    contains('error', texts(run, 'error'), 'vol-0dddddddddddddd01 is Disabled')
    expect('changes', mutating(cloud), [])

@scenario('whoever may not look at the key is told so, and the rescue goes on')
def key_unknown(cloud):
    p = cloud.patient(root=key(cloud, 10, 'Enabled')); cloud.forget()
    cloud.ask('POST', 'faults', {'action': 'DescribeKey', 'kind': 'refused', 'code': 'AccessDeniedException', 'message': 'no'})
    run = cloud.rescue(p, options=V)
    expect('status', run.status, 0)
    contains('hazard', texts(run, 'hazard'), 'kms:DescribeKey is missing')
    home(cloud, p)

@scenario('a hibernated instance is refused: its memory would go on with the old file systems')
def hibernated(cloud):
    p = cloud.patient(state='stopped', hibernation=True, state_reason={'code': 'Client.UserInitiatedHibernate', 'message': 'User initiated hibernate'})
    cloud.forget()
    run = cloud.rescue(p, options=V)
    expect('status', run.status, 6)
    contains('error', texts(run, 'error'), 'without hibernation')
    expect('changes', mutating(cloud), [])
    untouched(cloud, p)

@scenario('a running instance is audited by a temporary snapshot, which is deleted; nothing else changes')
def audited(cloud):
    p = cloud.patient(); cloud.forget()
    run = cloud.run('audit', p.instance)
    expect('status', run.status, 1)
    contains('findings', run.out, 'fstab-missing-device')
    expect('changes', [c for c in mutating(cloud) if not c.startswith('List')], ['CreateSnapshot', 'DeleteSnapshot'])
    expect('snapshots', cloud.temporary(p), {})
    untouched(cloud, p)
    said = cloud.run('audit', p.instance, json_events=False)
    contains('next', said.out, 'next: ec2-rescue ' + p.instance)
    by_volume = cloud.run('audit', p.volume)
    expect('by volume: what is on others is not known', (by_volume.status, 'fstab-missing-device' in by_volume.out), (0, True))
    listed = cloud.run('runs', json_events=False)
    expect('runs', listed.status, 0)

@scenario('two audits in a row: the second waits until EC2 makes another snapshot of the volume')
def audited_again(cloud):
    p = cloud.patient(); cloud.forget()
    fault = {'action': 'CreateSnapshot', 'kind': 'refused', 'code': 'SnapshotCreationPerVolumeRateExceeded'}
    for times, status in ((5, 1), (-1, 8)):
        cloud.ask('POST', 'faults', dict(fault, times=times))
        run = cloud.run('audit', p.instance)
        expect('refused %d times: status' % times, run.status, status)
        expect('snapshots', cloud.temporary(p), {})
        cloud.forget()
    untouched(cloud, p)

@scenario('^C while the snapshot is made deletes it; a snapshot that cannot be deleted is named, and resume deletes it')
def audit_left(cloud):
    p = cloud.patient(); cloud.forget()
    process = cloud.start('audit', p.instance, pace=1)
    wait_call(cloud, process, 'CreateSnapshot')
    process.send_signal(signal.SIGINT)
    run = cloud.finish(process)
    expect('status', run.status, 21)
    expect('snapshots', cloud.temporary(p), {})
    cloud.forget()
    cloud.ask('POST', 'faults', {'action': 'DeleteSnapshot', 'kind': 'refused', 'code': 'UnauthorizedOperation', 'times': -1})
    run = cloud.run('audit', p.instance)
    expect('status', run.status, 18)
    contains('left', run.out, 'ec2-rescue resume r')
    expect('left', len(cloud.temporary(p)), 1)
    cloud.forget()
    expect('a rescue goes on beside it', cloud.rescue(p, options=V).status, 0)
    resumed = cloud.run('resume', p.instance)
    expect('resume', (resumed.status, resumed.result), (0, 'returned'))
    expect('snapshots', cloud.temporary(p), {})
    home(cloud, p)

@scenario('missing permissions are found by DryRun and listed before anything is changed')
def permissions(cloud):
    p = cloud.patient(); cloud.forget()
    cloud.ask('POST', 'world', {'credentials': [{'access_key_id': 'AKIATEST', 'secret_access_key': 'secret', 'policy': ['*', '!ec2:DetachVolume', '!ec2:DeleteTags']}]})
    run = cloud.rescue(p, options=V)
    cloud.ask('POST', 'world', {'credentials': [{'access_key_id': 'AKIATEST', 'secret_access_key': 'secret'}]})
    expect('status', run.status, 4)
    contains('error', texts(run, 'error'), 'ec2:DeleteTags, ec2:DetachVolume')
    expect('changes', mutating(cloud), [])

@scenario('the helper: named with --helper where there is no metadata')
def helper(cloud):
    p, other = cloud.patient(), cloud.patient()
    off = {'AWS_EC2_METADATA_DISABLED': 'true'}
    run = cloud.rescue(p, options=['--via', 'self', *V], env=off)
    expect('nowhere to go', run.status, 6)
    contains('error', texts(run, 'error'), '--helper')
    run = cloud.rescue(p, options=[*V, '--helper', p.instance])
    expect('its own helper', run.status, 6)
    contains('error', texts(run, 'error'), 'cannot be its own helper')
    expect('malformed', cloud.rescue(p, options=['--helper', 'me']).status, 2)
    expect('not there', cloud.rescue(p, options=['--helper', 'i-0123456789abcdef0'], env=off).status, 3)
    expect('named', cloud.rescue(p, options=[*V, '--helper', HELPER], env=off).status, 0)
    home(cloud, p)

@scenario('a helper that is believed but is not this machine: no device appears, everything home')
def wrong_helper(cloud):
    p, other = cloud.patient(), cloud.patient()
    run = cloud.rescue(p, options=[*V, '--helper', other.instance], env={'AWS_EC2_METADATA_DISABLED': 'true'}, pace=200)
    expect('status', run.status, 10)
    contains('error', texts(run, 'error'), 'is this machine really %s' % other.instance)
    untouched(cloud, p)

@scenario('the console is read for a suspicion, of the last boot only')
def suspicion(cloud):
    p = cloud.patient(console='Linux version 4\nKernel panic - not syncing: old\nLinux version 5\r\n[ TIME ] Timed out waiting for device dev-xvdz.device.\r\n')
    run = cloud.rescue(p, options=['--dry-run'])
    facts = ' | '.join(e['text'] for e in run.of('fact') if e['name'] == 'suspicion')
    contains('suspicion', facts, 'fstab names a device')
    if 'panic' in facts: raise Wrong('an old boot was read: ' + facts)

@scenario('no secret in the state directory or in what is said')
def secrets(cloud):
    p = cloud.patient()
    run = cloud.rescue(p, options=V)
    expect('status', run.status, 0)
    found = subprocess.run(['grep', '-rlE', 'AKIATEST', cloud.state('here')], capture_output=True, text=True).stdout
    if found or 'AKIATEST' in run.out + run.err: raise Wrong('a key was found: ' + found)
    expect('modes', subprocess.run(['find', cloud.state('here'), '-perm', '/077'], capture_output=True, text=True).stdout, '')

@scenario('cut off between two writes, and the machine with the records lost: a new root volume from the snapshot')
def half_written(cloud):
    p = cloud.patient(root={'tags': {'Name': 'the root'}}); cloud.forget()
    cloud.ask('POST', 'faults', {'action': 'CreateTags', 'nth': 2, 'dry_run': False, 'kind': 'slow', 'delay_ms': 3000})
    process = cloud.start('--yes', *V, p.instance)
    until = time.monotonic() + 20
    while mutating(cloud).count('CreateTags') < 2 and time.monotonic() < until: time.sleep(0.01)
    process.kill(); cloud.finish(process)
    contains('claim', cloud.world()[p.volume]['tags']['ec2-rescue'], 'surgery=committing')
    with open(cloud.file(p), 'r+b') as f: f.seek(5 << 20); f.write(b'half')
    away = cloud.dir + '/away'
    run = cloud.run('resume', p.instance, state=away)
    expect('without consent', run.status, 6)
    run = cloud.run('resume', '--yes', p.instance, state=away)
    expect('status', (run.status, run.result), (0, 'returned'))
    contains('verdict', texts(run, 'verdict'), 'the old one, %s, is kept' % p.volume)
    untouched(cloud, p)
    expect('a new volume', (p.volume != p.old_volume, cloud.world()[p.volume]['tags'].get('Name')), (True, 'the root'))
    if 'ec2-rescue' in cloud.world()[p.old_volume].get('tags', {}): raise Wrong('the old volume is still claimed')

@scenario('without tags an unfinished run of this machine is still not trampled on')
def no_tags_but_journal(cloud):
    p = cloud.patient(); cloud.forget()
    cloud.ask('POST', 'faults', {'action': 'CreateTags', 'times': -1, 'kind': 'refused', 'code': 'InvalidAction'})
    cloud.ask('POST', 'latencies', {'stopping': 600})
    process = cloud.start('--yes', *V, p.instance)
    wait_call(cloud, process, 'StopInstances')
    process.kill(); cloud.finish(process)
    cloud.ask('POST', 'latencies', {'stopping': 10})
    run = cloud.rescue(p, options=V)
    expect('status', run.status, 6)
    contains('error', texts(run, 'error'), 'ec2-rescue resume r')
    expect('resumed', cloud.run('resume', *V, p.instance).status, 0)
    home(cloud, p)

@scenario('a boot that fails when it is rehearsed: nothing is written, everything home, the console kept')
def boot_fails(cloud):
    image, tools = cloud.dir + '/bootable.img', cloud.dir + '/tools'
    shutil.copy(cloud.image, image); os.mkdir(tools)
    subprocess.run(['gcc', '-static', '-nostdlib', '-x', 'c', '-o', tools + '/program', '-'], input='void _start(void) { for (;;); }', text=True, check=True)
    subprocess.run(['debugfs', '-w', '-R', 'write %s/program /usr/lib/systemd/systemd' % tools, image + '?offset=1048576'], check=True, capture_output=True)
    with open('tests/surgery/fake-qemu') as f: stand_in = f.read()
    with open(tools + '/qemu-system-x86_64', 'w') as f: f.write('#!/usr/bin/python3\nSCENARIO = "off"\n' + stand_in)
    for name in (tools, tools + '/qemu-system-x86_64'): os.chmod(name, 0o755)
    os.chmod(cloud.dir, 0o711)
    before = cloud.sum_file(image)
    p = cloud.patient(root={'file': image})
    run = cloud.rescue(p, options=[*V, '--rehearse-boot', '--no-kvm'], env={'PATH': tools + ':' + cloud.env['PATH']})
    expect('status', run.status, 24)
    contains('error', texts(run, 'error'), 'the system switches itself off')
    contains('verdict of the boot', texts(run, 'booted'), 'switches itself off')
    kept = run.of('booted')[0]['console']
    contains('the file of the console', kept, cloud.state('here') + '/runs/r')
    with open(kept) as f: contains('the console', f.read(), 'Linux version')
    home(cloud, p); expect('the volume is as it was', cloud.sum_file(cloud.file(p)), before)

if __name__ == '__main__': run_all(Cloud)
