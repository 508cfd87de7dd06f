#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rescue against tests/rescue/foreign.py, one shortcoming of such a server after the other, all of them at once, and some
at random. TAP. usage: strangers.py [--seed N] [--random N] [--verbose] [WORD...]   only the cases whose name holds a word"""
import argparse, concurrent.futures, hashlib, json, os, random, re, shutil, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from foreign import KNOBS, UNKNOWN, Server

SRC = os.environ.get('SRC', os.getcwd())
TOOL = os.environ.get('EC2_RESCUE', os.path.join(SRC, os.environ.get('BUILD', 'build'), 'ec2-rescue'))
COMFORTS = ('DescribeInstanceTypes', 'DescribeInstanceStatus', 'DescribeSubnets', 'DescribeVpcs', 'DescribeAutoScalingInstances', 'DescribeInstanceAttribute', 'GetConsoleOutput', 'DescribeSnapshots')

class Case:
    def __init__(self, name, knobs=None, options=(), status=0, result='rescued', warns=(), says=(), executed=None, dot=True, pace=30, kill=None, then=None, quiet=False):
        self.__dict__.update(locals()); self.knobs = knobs or {}

cases = [
    Case('everything there'),
    Case('ids of 8 digits', dict(digits=8)),
    Case('HTTP/1.0', dict(http='1.0')),
    *[Case('XML: ' + style, dict(style=style)) for style in ('pretty', 'shuffled', 'prefixed', 'no-xmlns', 'other-xmlns', 'bom', 'loud')],
    *[Case('device: ' + name, dict(device=name)) for name in ('dash', 'suffix', 'id', 'copy', 'around')],
    Case('device there before', dict(device_early=True)),
    Case('device late', dict(device_delay=0.2)),
    Case('states take their time', dict(delay=0.15)),
    Case('detach needs a stopped instance', dict(forced_detach=False)),
    Case('DeleteOnTermination kept', dict(dot='kept')),
    Case('DeleteOnTermination false before', dict(dot_was=False)),
    Case('a stopped patient', dict(state='stopped'), result='repaired'),
    Case('data volumes', dict(more_volumes=3)),
    *[Case('HTTP: ' + http, dict(http=http)) for http in ('closing', 'single')],
    Case('an endpoint with a path', dict(path='/services/compute')),
    # lost replies, deaths, second thoughts
    *[Case('reply lost: %s, filters %s' % (action, filters), dict(lose=(action,), filters=filters)) for action, filters in (
        ('CreateTags', 'honoured'), ('StopInstances', 'unknown'), ('CreateSnapshot', 'ignored'), ('CreateSnapshot', 'unknown'), ('AttachVolume', 'ignored'), ('DetachVolume', 'nothing'),
        ('ModifyInstanceAttribute', 'honoured'), ('StartInstances', 'honoured'), ('DeleteTags', 'honoured'))],
    Case('reply lost: CreateSnapshot, no DescribeSnapshots', dict(lose=('CreateSnapshot',), no=('DescribeSnapshots',)), status=13, result='returned', says=['--no-snapshot']),
    *[Case('killed after %s, no tags: %s' % (action, no), dict(no=('CreateTags', 'DeleteTags') if no else (), filters='ignored', delay=0.1), kill=(action, nth), then=('resume', None))
      for action, nth, no in (('StopInstances', 1, True), ('AttachVolume', 1, False), ('AttachVolume', 2, True))],
    *[Case('killed after %s, resumed elsewhere, filters %s' % (action, filters), dict(filters=filters, delay=0.1), kill=(action, nth), then=('resume', 'elsewhere'), result='returned')
      for action, nth, filters in (('AttachVolume', 1, 'unknown'), ('AttachVolume', 2, 'ignored'))],
    Case('undone', dict(filters='unknown', http='1.0', no=COMFORTS), then=('undo', None), result='undone'),
    # what is asked and how
    Case('filters ignored', dict(filters='ignored')),
    Case('filters unknown', dict(filters='unknown')),
    Case('filters match nothing', dict(filters='nothing')),
    Case('only tag filters', dict(filters='only-tags')),
    Case('ids ignored', dict(ids='ignored')),
    Case('filters unknown, ids ignored', dict(filters='unknown', ids='ignored')),
    # DryRun
    Case('DryRun ignored', dict(dry_run='ignored'), warns=['DryRun']),
    Case('DryRun refused', dict(dry_run='refused'), warns=['DryRun']),
    Case('DryRun only where it is harmless', dict(dry_run='looks'), warns=['DryRun']),
    *[Case('unknown ids crash it, DryRun ' + dry, dict(unknown_id='crash', dry_run=dry)) for dry in ('honoured', 'ignored', 'looks')],
    Case('a dry run where DryRun is ignored', dict(dry_run='ignored'), options=['--dry-run'], result=None, executed=[], warns=['DryRun'], quiet=True),
    Case('no tags at birth', dict(tag_specification=False)),
    # calls
    *[Case('no %s: %s' % (action, how), dict(no=(action,), how=how), warns=[words])
      for (action, words), how in zip((('DescribeInstanceTypes', 'instance-store'), ('DescribeInstanceStatus', 'status checks'), ('DescribeAutoScalingInstances', 'Auto Scaling'),
                                       ('GetConsoleOutput', 'console'), ('DescribeInstanceAttribute', 'stop protection'), ('DescribeSubnets', 'subnet'), ('DescribeVpcs', 'VPC')), UNKNOWN)],
    Case('no DescribeSnapshots', dict(no=('DescribeSnapshots',)), warns=['snapshot']),
    *[Case('no comforts: ' + how, dict(no=COMFORTS, how=how), warns=['instance-store', 'status checks', 'Auto Scaling', 'console', 'shutdown behaviour']) for how in ('InvalidAction', 'html404', 'html500', 'empty400')],
    *[Case('no tags: ' + how, dict(no=('CreateTags', 'DeleteTags'), how=how), warns=['second rescue']) for how in UNKNOWN if how != 'html500'],
    Case('no DeleteTags', dict(no=('DeleteTags',)), warns=['ec2-rescue']),
    Case('tags do not show', dict(tags_show=False), warns=['second rescue']),
    Case('tags only on instances', dict(tagged='instances'), warns=['tag']),
    Case('no ModifyInstanceAttribute', dict(no=('ModifyInstanceAttribute',)), dot=False, warns=['DeleteOnTermination']),
    Case('no ModifyInstanceAttribute, DeleteOnTermination kept', dict(no=('ModifyInstanceAttribute',), dot='kept')),
    # elements
    *[Case('without ' + name, dict(omit=(name,))) for name in ('networkInterfaceSet', 'placement', 'rootDeviceType', 'tagSet', 'attachTime', 'instanceType', 'imageId', 'requestId', 'availabilityZone', 'size',
                                                               'launchTime', 'volumeType', 'device', 'subnetId', 'startTime', 'code', 'attachmentSet', 'status', 'blockDeviceMapping', 'rootDeviceName')],
    Case('without deleteOnTermination', dict(omit=('deleteOnTermination',)), dot=False),
    Case('without deleteOnTermination and rootDeviceName', dict(omit=('deleteOnTermination', 'rootDeviceName'), more_volumes=2), dot=False),
    Case('neither attachments nor their status', dict(omit=('attachmentSet', 'attachTime', 'deleteOnTermination')), dot=False),
    Case('attachments only with the volume', dict(omit=('blockDeviceMapping', 'rootDeviceName', 'rootDeviceType'))),
    Case('a mapping without states', dict(omit=('status', 'attachTime'), delay=0.1)),
    *[Case('empty ' + name, dict(empty=(name,))) for name in ('tagSet', 'placement', 'networkInterfaceSet', 'attachTime', 'size')],
    Case('empty privateIpAddress', dict(empty=('privateIpAddress',)), status=19, result='unverified'),
    Case('words for no address', dict(address='text'), status=19, result='unverified'),
    # verification
    Case('both addresses', dict(address='both')),
    Case('no address', dict(address='none'), status=19, result='unverified', says=['no address']),
    Case('no sshd', dict(sshd=False), options=['--verify-timeout', '20'], status=19, result='unverified'),
    Case('no status items', dict(status='none'), warns=['status checks']),
    # what a rescue cannot do without
    *[Case('no CreateSnapshot: ' + dry, dict(no=('CreateSnapshot',), dry_run=dry), status=13, result=None, says=['--no-snapshot'], executed=[]) for dry in ('honoured', 'refused')],
    Case('no CreateSnapshot, consented to', dict(no=('CreateSnapshot',)), options=['--no-snapshot']),
    *[Case('no %s' % action, dict(no=(action,)), status=13, result=None, says=[action], executed=[]) for action in ('StopInstances', 'AttachVolume', 'DetachVolume', 'StartInstances')],
    Case('no DescribeVolumes', dict(no=('DescribeVolumes',)), status=13, result=None, says=['DescribeVolumes'], executed=[]),
    Case('no DescribeInstances', dict(no=('DescribeInstances',)), status=13, result=None, says=['DescribeInstances'], executed=[]),
    Case('no rootDeviceName, several volumes', dict(omit=('rootDeviceName',), more_volumes=1), warns=['taken for it']),
    Case('which volume is the root?', dict(omit=('rootDeviceName',), more_volumes=1, root='/dev/vda'), status=6, result=None, says=['which of the 2 volumes'], executed=[]),
    # everything at once
    *[Case('everything poor: ' + how, dict(no=(*COMFORTS, 'CreateTags', 'DeleteTags', 'ModifyInstanceAttribute'), how=how, dry_run='ignored', filters='unknown', http='1.0', digits=8, tags_show=False, style='no-xmlns',
           omit=('networkInterfaceSet', 'placement', 'rootDeviceType', 'tagSet', 'attachTime', 'deleteOnTermination', 'status', 'availabilityZone', 'instanceType', 'attachmentSet', 'vpcId', 'subnetId', 'size', 'volumeType'),
           device='id', device_early=True), dot=False) for how in ('InvalidAction', 'html404', 'html500', 'empty400') if how != 'html500'],
]

def random_case(seed):
    chance = random.Random(seed)
    choose = lambda *values: chance.choice(values)
    knobs = dict(digits=choose(8, 17), style=choose('plain', 'pretty', 'shuffled', 'prefixed', 'no-xmlns', 'bom'), http=choose('1.0', '1.1'), filters=choose('honoured', 'ignored', 'unknown', 'nothing', 'only-tags'),
                 ids=choose('honoured', 'honoured', 'ignored'), dry_run=choose('honoured', 'ignored', 'refused', 'looks'), tags_show=choose(True, True, False), delay=choose(0, 0, 0.1),
                 dot=choose('lost', 'kept'), dot_was=choose(True, False), device=choose('nvme', 'dash', 'suffix', 'id', 'copy', 'around'), device_early=choose(True, False), more_volumes=choose(0, 0, 2),
                 status=choose('ok', 'none'), how=choose(*[how for how in UNKNOWN if how != 'html500']), forced_detach=choose(True, False),
                 no=tuple(a for a in (*COMFORTS, 'CreateTags', 'DeleteTags', 'ModifyInstanceAttribute') if chance.random() < 0.3),
                 omit=tuple(e for e in ('networkInterfaceSet', 'placement', 'rootDeviceType', 'rootDeviceName', 'tagSet', 'attachTime', 'deleteOnTermination', 'instanceType', 'availabilityZone', 'requestId', 'code') if chance.random() < 0.25)
                      + choose((), ('status',), ('attachmentSet',), ('blockDeviceMapping',)))
    dot = 'ModifyInstanceAttribute' not in knobs['no'] and 'deleteOnTermination' not in knobs['omit']
    return Case('random %d' % seed, knobs, dot=dot)

class Run:
    """The program on one server."""
    def __init__(self, case, server, dir):
        self.case, self.server, self.dir, self.bad, self.said = case, server, dir, [], ''
        self.env = {'PATH': os.environ['PATH'], 'HOME': dir, 'LC_ALL': 'C.UTF-8', 'AWS_ACCESS_KEY_ID': 'x', 'AWS_SECRET_ACCESS_KEY': 'y', 'AWS_REGION': 'local', 'AWS_ENDPOINT_URL': server.url,
                    'AWS_EC2_METADATA_DISABLED': 'true', 'EC2_RESCUE_PACE': str(case.pace)}
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'EC2_RESCUE_DEBUG'):
            if name in os.environ: self.env[name] = os.environ[name]
    def start(self, *args, state='state'):
        return subprocess.Popen([TOOL, *args, '--yes', '--json', '--helper', self.server.helper.id, '--device-dir', self.server.devices, '--state-dir', '%s/%s' % (self.dir, state), '--ssh-port', str(self.server.port),
                                 *self.case.options, self.server.patient.id], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace')
    def finish(self, process):
        try: out, err = process.communicate(timeout=1200 / self.case.pace)
        except subprocess.TimeoutExpired: process.kill(); out, err = process.communicate(); self.bad.append('hung')
        events = []
        for line in out.splitlines():
            try: events.append(json.loads(line))
            except ValueError: self.bad.append('not JSON: ' + line)
        self.said += '\n'.join(e.get('text', '') or e.get('message', '') for e in events if e.get('event') in ('warning', 'hazard', 'error', 'verdict', 'fact')) + '\n' + err
        verdicts = [e['result'] for e in events if e.get('event') == 'verdict']
        self.status, self.result = process.returncode, verdicts[-1] if verdicts else None
    def kill_after(self, process, action, nth):
        while process.poll() is None and self.server.done().count(action) < nth: time.sleep(0.005)
        process.kill()

def judge(case, run, server, old):
    bad = run.bad
    if (run.status, run.result) != (case.status, case.result): bad.append('status %d, %s' % (run.status, run.result))
    bad += server.not_home(case.dot)
    for words in (*case.warns, *case.says):
        if not re.search(words, run.said): bad.append('nothing said of "%s"' % words)
    with open(server.root.path, 'rb') as f: is_old = hashlib.sha256(f.read()).digest() == old
    done = server.done()
    asked = {c['action'] for c in server.calls if not c['action'].startswith(('Describe', 'Get'))}
    if case.quiet and asked: bad.append('asked for: ' + ' '.join(sorted(asked)))
    if case.executed is not None and done != case.executed: bad.append('executed: %s' % done)
    if case.result in ('rescued', 'repaired', 'unverified'):
        if not server.boots(): bad.append('the volume is not repaired')
    elif not is_old and not (case.kill and server.boots()): bad.append('the volume was changed')
    if server.snapshots[0].id in run.said: bad.append('took the snapshot of another run for its own')
    for word in () if case.then or case.knobs.get('lose') else ('StopInstances', 'StartInstances', 'DetachVolume', 'AttachVolume', 'CreateSnapshot'):
        if done.count(word) > (2 if word.endswith('Volume') or case.knobs.get('dry_run') == 'looks' else 1): bad.append('%s %d times' % (word, done.count(word)))
    return bad, run.said, done

def perform(case, images):
    """One rescue; what is wrong with it as a list, and what was seen."""
    dir = tempfile.mkdtemp()
    # With more volumes than the one on the table nobody can be sure that a device of fstab is missing.
    image, old = images['sshd-bad-directive' if case.knobs.get('more_volumes') else 'fstab-missing-volume']
    began = time.monotonic()
    with Server(image, dir, **case.knobs) as server:
        run = Run(case, server, dir)
        process = run.start()
        if case.kill: run.kill_after(process, *case.kill)
        run.finish(process)
        if case.then: run.finish(run.start(case.then[0], state=case.then[1] or 'state'))
        return (*judge(case, run, server, old), time.monotonic() - began)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 30))
    parser.add_argument('--random', type=int, default=6)
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('--jobs', type=int, default=4)
    parser.add_argument('--pace', type=float, help='1: as a person sees it')
    parser.add_argument('words', nargs='*')
    args = parser.parse_args()
    chosen = cases + [random_case(args.seed + n) for n in range(args.random)]
    if args.words: chosen = [c for c in chosen if any(w in c.name for w in args.words)]
    if args.pace:
        for case in chosen: case.pace = args.pace
    work = tempfile.mkdtemp()
    try:
        images = {}
        for fault in ('fstab-missing-volume', 'sshd-bad-directive'):
            path = '%s/%s.img' % (work, fault)
            subprocess.run([SRC + '/tests/patient/make', path, fault], env=dict(os.environ, SIZE='24M', KEY=work + '/key', PATH=os.environ['PATH'] + ':/sbin:/usr/sbin'), check=True, stdout=subprocess.DEVNULL, cwd=SRC)
            with open(path, 'rb') as f: images[fault] = (path, hashlib.sha256(f.read()).digest())
        print('# --seed %d' % args.seed)
        failed = 0
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for n, (case, (bad, said, done, wall)) in enumerate(zip(chosen, pool.map(lambda c: perform(c, images), chosen)), 1):
                print('%s %d - %s%s' % ('not ok' if bad else 'ok', n, case.name, ' (%.2f s)' % wall if args.verbose else ''))
                failed += bool(bad)
                if bad or args.verbose:
                    for line in bad: print('#   ' + line)
                    if case.name.startswith('random') or args.verbose: print('#   %s' % {k: v for k, v in case.knobs.items() if v != KNOBS[k]})
                    print('#   ' + said.strip().replace('\n', '\n#   '))
                    print('#   executed: ' + ' '.join(done))
                sys.stdout.flush()
        print('1..%d' % len(chosen))
        return failed
    finally: shutil.rmtree(work, ignore_errors=True)

if __name__ == '__main__': sys.exit(1 if main() else 0)
