#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Saved states brought back, against the embedded cloud. TAP. usage: restores.py [NAME...]"""
import os, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from spots import *
from tap import Wrong, contains, expect, scenario
from worlds import Cloud

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
    bad += ['tag on %s' % id for id, r in world.items() if {'ec2-rescue-spot-restoring', 'ec2-rescue-spot-launch'} & set(r.get('tags', {})) and not r.get('gone') and r.get('state') != 'terminated']
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
    contains('two of it', texts(run, 'warning'), 'which was restored of this state')
    expect('on demand', (run.status, restored(cloud, run).get('lifecycle')), (0, None))
    # What carries the tag of an older restore, because its last call was lost, and is somebody's by now.
    theirs = DATA % 999
    cloud.ask('POST', 'world', {'volumes': [{'id': theirs, 'size': 1, 'zone': 'us-east-1a', 'tags': {'ec2-rescue-spot': 'away', 'ec2-rescue-spot-restoring': sets(cloud, 'away')[0]['set'], 'ec2-rescue-spot-launch': 's20200101-000000-abcdef'}}]})
    cloud.ask('POST', 'world', {'spot': {'capacity': {}, 'prices': {'t3.micro/us-east-1a': 0.5}, 'max_instances': 1000}})
    run = cloud.run('spot', 'restore', 'away', '--no-audit', '--max-price', '0.01')
    contains('too dear', texts(run, 'error'), 'SpotMaxPriceTooLow')
    cloud.ask('POST', 'world', {'spot': {'max_instances': 0}})
    run = cloud.run('spot', 'restore', 'away', '--no-audit')
    contains('too many', texts(run, 'error'), 'MaxSpotInstanceCountExceeded')
    expect('not ours to delete', cloud.world()[theirs]['state'], 'available')
    cloud.ask('POST', 'change', {'id': theirs, 'set': {'tags': {}}})
    cloud.ask('POST', 'world', {'spot': {'max_instances': 1000}})

@scenario('what could not be looked up is not taken for gone: the groups are those that were recorded, the interface is tried')
def restore_blind(cloud):
    cloud.ask('POST', 'world', {'security_groups': [{'id': 'sg-0000000000000eeee', 'name': 'tight', 'vpc': 'vpc-0123456789abcdef0'}]})
    p = instance(cloud, 0, lifecycle='spot', groups=['sg-0000000000000eeee'], eip='198.51.100.79')
    cloud.ask('POST', 'world', {'network_interfaces': [{'id': 'eni-0000000000000eeee', 'subnet': 'subnet-0123456789abcdef0', 'instance': p.instance}]})
    expect('saved', cloud.run('spot', 'save', p.instance, '--name', 'blind').status, 0); settle(cloud)
    cloud.ask('POST', 'interrupt', {'id': p.instance}); cloud.ask('POST', 'advance', {'seconds': 500}); cloud.forget()
    for action in ('DescribeSecurityGroups', 'DescribeAddresses', 'DescribeNetworkInterfaces', 'DescribeSubnets', 'DescribeInstanceTypes', 'DescribeSpotInstanceRequests'):
        cloud.ask('POST', 'faults', {'action': action, 'times': -1, 'kind': 'refused', 'code': 'UnauthorizedOperation', 'status': 403})
    run = cloud.run('spot', 'restore', 'blind', '--no-audit')
    expect('status', run.status, 0)
    inst = restored(cloud, run)
    expect('groups', inst['groups'], ['sg-0000000000000eeee'])
    expect('interface', [i['id'] for i in inst['interfaces']][1:], ['eni-0000000000000eeee'])
    contains('address', texts(run, 'warning'), 'could not be looked up')

@scenario('by time; a dry run makes nothing; what is not there is refused')
def restore_at(cloud):
    p = instance(cloud, lifecycle='spot')
    first = cloud.run('spot', 'save', p.instance, '--name', 'timed').of('verdict')[0]['set']; settle(cloud)
    time.sleep(1.1); between = stamp(time.time() - 1)
    with Slow(cloud):
        second = cloud.run('spot', 'save', p.instance, '--name', 'timed').of('verdict')[0]['set']
        cloud.forget()
        run = cloud.run('spot', 'restore', 'timed', '--dry-run', '--at', between)
        expect('by time', (run.status, run.of('verdict')[0]['set']), (0, first))
        run = cloud.run('spot', 'restore', 'timed', '--dry-run')
        expect('a pending one is not restored', run.of('verdict')[0]['set'], first)
        contains('and said', texts(run, 'warning'), 'not completed yet')
        process = cloud.start('spot', 'restore', 'timed', '--dry-run', '--wait', '6000'); time.sleep(0.4)
        expect('it waits', process.poll(), None)
    expect('until it is complete', cloud.finish(process).of('verdict')[0]['set'], second)
    expect('the newest', cloud.run('spot', 'restore', 'timed', '--dry-run').of('verdict')[0]['set'], second)
    contains('two of it', texts(run, 'warning'), 'there will be two of it')
    expect('nothing made', [c['action'] for c in cloud.calls() if not c['action'].startswith('Describe')], [])
    for args, status in ((['timed', '--at', '2020-01-01'], 3), (['nothing'], 3), (['timed', '--at', 'soon'], 2)):
        expect(args, cloud.run('spot', 'restore', *args).status, status)

@scenario('a persistent request, an instance that the spot service stopped, a hibernated one: known, and said or refused')
def kinds_of_spot(cloud):
    p = instance(cloud, lifecycle='spot', spot_type='persistent', spot_interruption='stop')
    expect('saved', cloud.run('spot', 'save', p.instance, '--name', 'lasting').status, 0); settle(cloud)
    cloud.ask('POST', 'interrupt', {'id': p.instance, 'notice_s': 60}); cloud.ask('POST', 'advance', {'seconds': 300})
    expect('stopped', cloud.world()[p.instance]['state'], 'stopped')
    run = cloud.run('spot', 'restore', 'lasting', '--dry-run')
    expect('status', run.status, 0)
    contains('request', texts(run, 'warning'), 'is persistent'); contains('stopped', texts(run, 'warning'), 'by the spot service')
    expect('a stopped one can be saved', cloud.run('spot', 'save', p.instance, '--name', 'lasting').status, 0)
    cloud.ask('POST', 'change', {'id': p.instance, 'set': {'state_reason': {'code': 'Client.UserInitiatedHibernate', 'message': 'Client.UserInitiatedHibernate: User initiated hibernate'}, 'reason_code': 'Client.UserInitiatedHibernate'}})
    run = cloud.run('spot', 'save', p.instance, '--name', 'lasting')
    expect('status', run.status, 6); contains('error', texts(run, 'error'), 'hibernated')

def swapped(cloud, p): return {m['device']: m['volume'] for m in cloud.world()[p.instance]['mapping'] if m['device'] != '/dev/xvda'}

@scenario('swap: the data volumes of a state for an instance that runs; a name that is taken is refused; the same again changes nothing')
def swap(cloud):
    old, verdict = saved(cloud, 'data', 2)
    p = instance(cloud, 0, lifecycle='spot'); cloud.forget()
    run = cloud.run('spot', 'swap', 'data', p.instance, '--dry-run')
    expect('dry run', (run.status, run.result, swapped(cloud, p)), (0, 'planned', {}))
    run = cloud.run('spot', 'swap', 'data', p.instance)
    expect('status', (run.status, run.result), (0, 'restored'))
    got = swapped(cloud, p)
    expect('devices', sorted(got), ['/dev/sdf', '/dev/sdg'])
    for volume, snapshot in verdict['snapshots'].items():
        if volume == old.volume: continue
        made = next(v for v in got.values() if cloud.world()[v].get('snapshot') == snapshot)
        expect('bytes', cloud.sum_file('%s/cloud/volumes/%s.img' % (cloud.dir, made)), cloud.sum_file('%s/cloud/snapshots/%s.img' % (cloud.dir, snapshot)))
    expect('stay', [m['delete_on_termination'] for m in cloud.world()[p.instance]['mapping'] if m['device'] != '/dev/xvda'], [False, False])
    expect('left behind', leftovers(cloud, 'data'), [])
    expect('again', (cloud.run('spot', 'swap', 'data', p.instance).status, swapped(cloud, p)), (0, got))
    q = instance(cloud, 1)
    run = cloud.run('spot', 'swap', 'data', q.instance)
    expect('taken', run.status, 6); contains('error', texts(run, 'error'), 'detach it first')
    expect('nothing made', leftovers(cloud, 'data'), [])
    expect('no data', cloud.run('spot', 'save', q.instance, '--name', 'rootonly', '--volume', '/dev/xvda').status, 0); settle(cloud)
    expect('no data', cloud.run('spot', 'swap', 'rootonly', q.instance).status, 6)

@scenario('every call of a swap failing in every way, and kills at each: it is done, or the same again does it, with nothing left')
def swap_fails(cloud):
    saved(cloud, 'shaken', 2)
    p = instance(cloud, 0); cloud.forget()
    expect('once', cloud.run('spot', 'swap', 'shaken', p.instance).status, 0)
    total, tried = len(cloud.calls()), 0
    for call in range(1, total + 1, STRIDE):
        for kind in [*KINDS, 'kill']:
            p = instance(cloud, 0); cloud.forget(); tried += 1
            if kind == 'kill':
                process = cloud.start('spot', 'swap', 'shaken', p.instance)
                cloud.ask('POST', 'faults', {'kind': 'lost-after', 'action': '*', 'nth': call, 'kill_pid': process.pid})
                process.communicate(); status = process.returncode
            else:
                cloud.ask('POST', 'faults', dict(kind, action='*', nth=call, times=2 if kind['kind'] != 'slow' else 1))
                status = cloud.run('spot', 'swap', 'shaken', p.instance).status
            cloud.forget()
            where = 'call %d, %s' % (call, kind if kind == 'kill' else kind['kind'])
            if status: expect(where, cloud.run('spot', 'swap', 'shaken', p.instance).status, 0)
            expect(where + ': devices', sorted(swapped(cloud, p)), ['/dev/sdf', '/dev/sdg'])
            left = [id for id, r in cloud.world().items() if id.startswith('vol-') and r.get('tags', {}).get('ec2-rescue-spot') == 'shaken' and r['state'] == 'available' and not r.get('gone')]
            expect(where + ': volumes that are nobody\'s', left, [])
    print('# %d situations' % tried)

def coded(cloud, name):
    """A state whose root no image can be made of, because it has a product code."""
    cloud.ask('POST', 'world', {'snapshots': [{'id': 'snap-0000000000000c0de', 'size': 1}], 'images': [{'id': 'ami-0000000000000c0de', 'name': 'paid for', 'product_codes': [{'code': 'abc', 'type': 'marketplace'}], 'snapshot': 'snap-0000000000000c0de'}]})
    return saved(cloud, name, image='ami-0000000000000c0de', product_codes=[{'code': 'abc', 'type': 'marketplace'}])
def check_coded(cloud, run, p, verdict):
    inst = restored(cloud, run)
    root = next(m['volume'] for m in inst['mapping'] if m['device'] == inst['root_device_name'])
    expect('the saved root', cloud.world()[root].get('snapshot'), verdict['snapshots'][p.volume])
    expect('state', inst['state'], 'running')
    expect('devices', sorted(m['device'] for m in inst['mapping']), ['/dev/sdf', '/dev/xvda'])
    expect('left behind', leftovers(cloud, 'coded') + ['%s is nobody\'s' % id for id, r in cloud.world().items() if id.startswith('vol-') and r.get('state') == 'available' and r.get('tags', {}).get('ec2-rescue-spot')], [])

@scenario('where no image can be registered the root is swapped in while the instance is stopped')
def restore_without_image(cloud):
    p, verdict = coded(cloud, 'coded')
    run = cloud.run('spot', 'restore', 'coded', '--no-audit')
    expect('status', (run.status, run.result), (0, 'restored'))
    contains('said', texts(run, 'warning'), 'gets the saved root while it is stopped')
    check_coded(cloud, run, p, verdict)
    total, tried = len(cloud.calls()), 0
    for call in range(8, total + 1, 2 * STRIDE):
        for kind in ('refused', 'lost-after', 'lost-before', 'kill'):
            cloud.forget(); tried += 1
            if kind == 'kill':
                process = cloud.start('spot', 'restore', 'coded', '--no-audit')
                cloud.ask('POST', 'faults', {'kind': 'lost-after', 'action': '*', 'nth': call, 'kill_pid': process.pid})
                process.communicate(); cloud.forget()
                if process.returncode == 0: continue
                run = cloud.run('spot', 'restore', 'coded', '--no-audit')
            else:
                cloud.ask('POST', 'faults', {'kind': kind, 'action': '*', 'nth': call})
                run = cloud.run('spot', 'restore', 'coded', '--no-audit'); cloud.forget()
                if run.status: run = cloud.run('spot', 'restore', 'coded', '--no-audit')
            if run.status: raise Wrong('call %d, %s: status %d %s' % (call, kind, run.status, texts(run, 'error')))
            check_coded(cloud, run, p, verdict)
    print('# %d situations' % tried)

@scenario('every call of a restore failing in every way: it is restored, or the same again restores it; nothing is lost and nothing left behind')
def restore_fails(cloud):
    p, _ = saved(cloud, 'tried')
    expect('once', cloud.run('spot', 'restore', 'tried', '--no-audit').status, 0)
    calls = [c['action'] for c in cloud.calls() if not c['action'].startswith('Describe') or c['n'] < 12]
    total, tried = len(cloud.calls()), 0
    for call in range(1, total + 1, STRIDE):
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
    for call in range(1, total + 1, STRIDE):
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

if __name__ == '__main__': main(Cloud)
