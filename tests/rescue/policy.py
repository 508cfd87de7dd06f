#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`ec2-rescue policy`: what it prints for a command is enough for that command, and no more than it calls. The scenarios of the
other tests run in a cloud that allows each command its own policy alone. TAP. usage: policy.py [NAME...] (of functions below)"""
import fnmatch, json, os, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import restores, scenarios, spot
from tap import Wrong, contains, expect, scenario
import tap
from worlds import Cloud, KEY, SRC, TOOL
sys.path.insert(0, SRC + '/tests/net')
import cases as net_cases

WAYS = ('self', 'helper', 'snapshot', 'replace')
COMMANDS = ['rescue', *('rescue --via ' + w for w in WAYS), 'audit', 'net', 'net --fix-cloud', 'undo', 'resume', *('spot ' + c for c in ('save', 'watch', 'restore', 'swap', 'list', 'prune'))]
# Granted, and called by none of the scenarios.
NOT_CALLED = {
    'kms:Decrypt': 'EC2 calls it for us where a volume is encrypted; the embedded cloud has no KMS to be asked',
    'kms:GenerateDataKey*': 'likewise', 'kms:ReEncrypt*': 'likewise', 'kms:CreateGrant': 'likewise',
}
# Those in which a permission is taken away on purpose have credentials of their own and are not here.
PARTS = [(scenarios, 'rescued undone stopped interrupted_twice unverified standby audited audit_left half_written terminated '
          'by_snapshot by_snapshot_several by_replacement by_replacement_fails by_helper by_helper_several'),
         (spot, 'save prune watch'), (restores, 'restore restore_mends restore_elsewhere swap')]

def policy(*words): return json.loads(subprocess.run([TOOL, 'policy', *words], check=True, stdout=subprocess.PIPE).stdout)
def of_command(name):
    words = name.replace('spot ', 'spot-').split()
    return policy(*words[1:], words[0])
def actions(document): return {a for s in document['Statement'] for a in s['Action']}

# ---- what the other tests do only at length, beside failures of every kind

def involved(cloud):
    """An instance of which everything has to be asked."""
    p = cloud.patient(asg='web', lifecycle='spot', spot_type='persistent', root={'encrypted': True, 'kms_key': KEY}); cloud.forget()
    return p
@scenario('a spot instance in a group with an encrypted root, on each way, and its undo')
def each_way(cloud):
    cloud.offer_helpers()
    for way in WAYS:
        p = involved(cloud)
        run = cloud.rescue(p, options=['--via', way, *scenarios.V])
        expect('status by %s' % way, (run.status, run.result), (0, 'rescued'))
        run = cloud.run('undo', '--yes', *scenarios.V, p.instance)
        expect('undo by %s' % way, (run.status, run.result), (0, 'undone'))
        scenarios.home(cloud, p)
@scenario('a kill at calls of each way, and a resume')
def resumed(cloud):
    cloud.offer_helpers()
    for way, action in (('helper', 'CreateSecurityGroup'), ('self', 'EnterStandby'), ('self', 'DetachVolume'), ('replace', 'RegisterImage'), ('replace', 'PutSnapshotBlock'), ('snapshot', 'PutSnapshotBlock'), ('snapshot', 'CreateVolume')):
        p = involved(cloud)
        process = cloud.start('--yes', '--via', way, *scenarios.V, p.instance)
        cloud.ask('POST', 'faults', {'action': action, 'kind': 'lost-before', 'dry_run': False, 'kill_pid': process.pid})
        cloud.finish(process); cloud.forget()
        run = cloud.run('resume', *scenarios.V, p.instance)
        if run.status not in (0, 21): raise Wrong('%s, %s: %d %s' % (way, action, run.status, run.out[-800:]))
        scenarios.home(cloud, p)
@scenario('a helper that is gone by the time of the resume: another one finishes it')
def stranded(_):
    made = []
    def strict(**how): made.append(Strict(**how)); return made[-1]
    try: scenarios.Cloud = strict; scenarios.by_helper_stranded(_)
    finally:
        scenarios.Cloud = Cloud
        for cloud in made: _.denied |= cloud.denied; [_.used.setdefault(name, set()).update(calls) for name, calls in cloud.used.items()]
@scenario('the saved instance had a profile: so has the restored one')
def profiled(cloud):
    profile = 'arn:aws:iam::123456789012:instance-profile/web'
    restores.saved(cloud, 'profiled', iam_profile=profile)
    run = cloud.run('spot', 'restore', 'profiled', '--no-audit')
    expect('status', run.status, 0)
    expect('profile', restores.restored(cloud, run).get('iam_profile'), profile)
@scenario('no image can be registered of a saved root: it is swapped in')
def without_image(cloud):
    p, verdict = restores.coded(cloud, 'coded')
    run = cloud.run('spot', 'restore', 'coded', '--no-audit')
    expect('status', run.status, 0)
    restores.check_coded(cloud, run, p, verdict)
@scenario('what a swap made and cannot attach is deleted')
def swap_refused(cloud):
    restores.saved(cloud, 'unwanted', 2)
    p = spot.instance(cloud, 0, lifecycle='spot'); cloud.forget()
    cloud.ask('POST', 'faults', {'action': 'AttachVolume', 'times': -1, 'kind': 'refused', 'code': 'AttachmentLimitExceeded'})
    if not cloud.run('spot', 'swap', 'unwanted', p.instance).status: raise Wrong('it says that it attached them')
    expect('left behind', restores.leftovers(cloud, 'unwanted'), [])

# ---- the network around an instance: tests/net

TARGET = 'i-00000000000000001'
def network(cloud, *cases):
    """That of tests/net, with what these cases lay over it."""
    with open(SRC + '/tests/net/base.json') as f: world = json.load(f)
    for case in cases:
        with open('%s/tests/net/%s/cloud.json' % (SRC, case)) as f: world = net_cases.merge(world, json.load(f))
    for name in ('latencies', 'throttle', 'credentials'): world.pop(name, None)
    cloud.ask('POST', 'world', world); cloud.forget()
@scenario('what stands between a packet and an instance, of each kind, before a rescue on each way')
def network_first(cloud):
    for case, sender in (('paths/group-prefix-list', '203.0.113.7'), ('paths/public-access-blocked-but-here', '203.0.113.7'), ('paths/open', '10.0.3.40'), ('paths/peering', '10.7.1.5')):
        network(cloud, *([case] if case != 'paths/open' else []))
        target = TARGET if case != 'paths/peering' else TARGET[:-1] + '3'
        for way in WAYS: cloud.run('--dry-run', '--via', way, '--from', sender, target)
        run = cloud.run('net', '--no-volume', '--from', sender, target)
        expect('%s' % case, run.status, 0)
    cloud.ask('POST', 'world', {'public_block': {'mode': 'off'}})
@scenario('a closed network is opened and closed again; and a kill in the middle')
def network_fixed(cloud):
    for case, options in (('paths/two-stops', ('--from', '203.0.113.7')), ('nat/nothing-is-prepared', ('--role', 'nat')), ('nat/route-is-dead', ('--role', 'nat')), ('nat/group-lets-nothing-out', ('--role', 'nat'))):
        network(cloud, *([case] if 'nothing-is' not in case else []))
        run = cloud.run('net', '--no-volume', '--fix-cloud', '--yes', *options, TARGET)
        expect('%s' % case, run.status, 0)
        expect('undo of %s' % case, cloud.run('undo', TARGET).status, 0)
        network(cloud, *([case] if 'nothing-is' not in case else []))
        process = cloud.start('net', '--no-volume', '--fix-cloud', '--yes', *options, TARGET)
        last = {'paths/two-stops': ('CreateNetworkAclEntry', 2), 'nat/nothing-is-prepared': ('AuthorizeSecurityGroupIngress', 1), 'nat/route-is-dead': ('ReplaceRoute', 1), 'nat/group-lets-nothing-out': ('AuthorizeSecurityGroupEgress', 1)}[case]
        cloud.ask('POST', 'faults', {'action': last[0], 'nth': last[1], 'kind': 'lost-after', 'kill_pid': process.pid})
        cloud.finish(process)
        cloud.forget()
        expect('resume of %s' % case, cloud.run('resume').status, 0)
        network(cloud, *([case] if 'nothing-is' not in case else []))
        cloud.ask('POST', 'faults', {'action': last[0], 'nth': last[1], 'kind': 'lost-after', 'times': -1})  # it takes back what may be there
        if not cloud.run('net', '--no-volume', '--fix-cloud', '--yes', *options, TARGET).status: raise Wrong('%s: it says that it worked' % case)
        cloud.forget()
        expect('what was away after %s' % case, cloud.run('resume').status, 0)
@scenario('the newest snapshot shows the host, and the cards')
def network_volume(cloud):
    p = cloud.patient()
    cloud.ask('POST', 'world', {'snapshots': [{'id': 'snap-00000000000000099', 'file': cloud.image, 'adopt': 'copy', 'size': 1, 'volume': p.volume}]}); cloud.forget()
    for role in ((), ('--role', 'mtu')):
        run = cloud.run('net', '--from', '203.0.113.7', *role, p.instance)
        if run.status not in (0, 1, 22): raise Wrong(run.err[-300:])
PARTS += [(sys.modules[__name__], 'each_way resumed stranded'), (sys.modules[__name__], 'profiled without_image swap_refused'), (sys.modules[__name__], 'network_first network_fixed network_volume')]

class Strict(Cloud):
    """Every command has a key of its own, with the policy that is printed for it."""
    def __init__(self, **how):
        self.policies, self.used, self.denied = {name: of_command(name) for name in COMMANDS}, {}, set()
        self.keys = {name: 'AKIA' + ''.join(c for c in name.upper() if c.isalpha()) for name in COMMANDS}
        credentials = [{'access_key_id': key, 'secret_access_key': 'secret', 'policy': self.policies[name]} for name, key in self.keys.items()]
        super().__init__(credentials=credentials, **how)
    def name(self, args):
        if args[0] == 'spot': return 'spot ' + args[1]
        if '--fix-cloud' in args: return 'net --fix-cloud'
        if args[0] in COMMANDS: return args[0]
        return 'rescue --via ' + args[args.index('--via') + 1] if '--via' in args else 'rescue'
    def argv(self, *args, **how):
        self.env['AWS_ACCESS_KEY_ID'] = self.keys.get(self.name(args), self.keys['rescue'])
        return super().argv(*args, **how)
    def note(self):
        """What was called since the log was forgotten."""
        names = {key: name for name, key in self.keys.items()}
        for c in self.ask('GET', 'calls'):
            name = names.get(c['access_key_id'])
            if name: self.used.setdefault(name, set()).update(needed(c))
            if name and not c.get('fault') and c['result'] in ('UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException'):
                self.denied.add('%s: %s' % (name, c['message'].split('authorized to perform: ')[1].split(' because')[0]))
    def forget(self): self.note(); super().forget()
    def close(self): self.note(); super().close()

def needed(call):
    """The permissions of a call."""
    yield '%s:%s' % (call['service'], call['action'])
    if any(p.startswith('TagSpecification.') for p in call['params']) or (call['action'] == 'StartSnapshot' and 'Tags' in call['params']): yield 'ec2:CreateTags'
    if any(p.startswith('IamInstanceProfile.') for p in call['params']): yield 'iam:PassRole'

class Tap:
    count = failed = 0
    def say(self, what, wrong=None):
        self.count += 1; self.failed += bool(wrong)
        print('%s %d - %s' % ('not ok' if wrong else 'ok', self.count, what))
        for line in str(wrong or '').splitlines(): print('#   ' + line)
        sys.stdout.flush()
    def check(self, what, f, *args):
        start = time.monotonic()
        try: f(*args)
        except Wrong as w: self.say(what, w)
        else: self.say(what)
        if os.environ.get('TIMES'): print('# %.2f s' % (time.monotonic() - start))

def document():
    """Its form, and what is said of a word that is no command."""
    for name in COMMANDS:
        d = of_command(name)
        expect('version', d['Version'], '2012-10-17')
        for s in d['Statement']:
            expect('sorted', s['Action'], sorted(set(s['Action'])))
            expect('effect', s['Effect'], 'Allow')
        sids = [s['Sid'] for s in d['Statement']]
        expect('statements', len(sids), len(set(sids)))
        if len(json.dumps(d, separators=(',', ':'))) > 6144: raise Wrong('longer than a managed policy may be')
    expect('without a word', policy(), policy('rescue'))
    expect('both spellings', policy('spot save'), policy('spot-save'))
    expect('several', actions(policy('audit', 'spot-save')), actions(policy('audit')) | actions(policy('spot-save')))
    for words, part in ((['nonsense'], 'no command "nonsense"'), (['spot'], 'spot-save'), (['runs'], 'calls nothing of AWS'), (['--via', 'post'], 'not "post"'), (['--yes'], 'no option --yes')):
        run = subprocess.run([TOOL, 'policy', *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect('status of %s' % words, (run.returncode, run.stdout), (2, ''))
        contains('words', run.stderr, part)
        expect('sentences', run.stderr.count('\n'), 1)

def alone(cloud, f):
    wrong, cloud.denied = [], set()
    try: f(cloud)
    except Wrong as w: wrong = [str(w)]
    cloud.forget()
    if wrong or cloud.denied: raise Wrong('\n'.join(wrong + sorted(cloud.denied)))
def no_more(name, granted, used):
    idle = {a for a in granted - set(NOT_CALLED) if not any(fnmatch.fnmatchcase(u.lower(), a.lower()) for u in used)}
    if idle: raise Wrong('granted and never called: ' + ', '.join(sorted(idle)))

def main():
    out, chosen, used = Tap(), set(sys.argv[1:]), {}
    out.check('the document', document)
    for module, names in PARTS:
        with Strict() as cloud:
            for name in names.split():
                if chosen and name not in chosen: continue
                text, f = next((t, f) for n, t, f in tap.scenarios if n == name and f.__globals__ is vars(module))
                out.check('with its policy alone: ' + text, alone, cloud, f)
            for name, calls in cloud.used.items(): used.setdefault(name, set()).update(calls)
    if not chosen:
        used['net --fix-cloud'] |= used['net']
        used['rescue'] = set().union(*(calls for name, calls in used.items() if name.startswith('rescue')))
        for name in COMMANDS: out.check('no more than it calls: ' + name, no_more, name, actions(of_command(name)), used.get(name, set()))
    print('1..%d' % out.count)
    return 1 if out.failed else 0

if __name__ == '__main__': sys.exit(main())
