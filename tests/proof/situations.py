# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to one patient, as a story that can be read and told again, and what must be true at its end.

  STORY  [by snapshot|replace|helper: ]RUN; RUN; ...    one after the other; then `resume` until nothing is left to be resumed. By ...: the way of its rescues
  RUN    VERB [here|there][, BLOW]...    RUN + RUN: both at once. there: a machine that has only the tags
  VERB   rescue, undo (of a rescue to which nothing happened), resume, or audit (of the instance's root volume, by a temporary snapshot)
  BLOW   refused|http5xx|lost-after|lost-before|slow at CALL#K         the K-th API call of that name fails so
         machine|process before|after MOMENT#K                        kill -9 there: see tool-killer.c
         any#K is the K-th call or moment of whatever name

  rescue, lost-after at AttachVolume#1; resume there, machine before parent fsync r*/journal#3"""
import ctypes, os, re, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../rescue'))
from worlds import KEY, BUILD, LATENCIES

KINDS = ['refused', 'http5xx', 'lost-after', 'lost-before', 'slow']
KILLER = BUILD + '/tests/proof/tool-killer'
NOT_TRACED, NOT_REACHED, OUTLIVED = 125, 124, 123
VERIFY = ['--verify-timeout', '60']
BASES = {'rescue': 'a rescue', 'undo': 'an undo', 'by snapshot: rescue': 'a rescue by snapshot', 'by snapshot: undo': 'an undo by snapshot', 'by replace: rescue': 'a rescue by replacing the root',
         'by helper: rescue': 'a rescue by a launched helper', 'by helper: undo': 'an undo by a launched helper'}
SWAPS = ('snapshot', 'replace')
def drawn_bases(rng):
    """The first, and one of the others: to know what there is to tell of each takes its time."""
    first, *others = BASES
    return [first, rng.choice(others)]
def split_way(story):
    """(way, the story without it)"""
    m = re.match('by (snapshot|replace|helper): ', story)
    return (m[1], story[m.end():]) if m else ('self', story)
OPTIONS = {'audit': ['audit'], 'rescue': ['--yes', *VERIFY], 'undo': ['undo', '--yes'], 'resume': ['resume', '--yes', *VERIFY]}
ENDS = {'rescue': (0, 'rescued'), 'undo': (0, 'undone')}

def call_name(call): return call['action'] + (' dry' if call['params'].get('DryRun') else '')
def is_mutating(name): return not name.startswith(('Describe', 'Get', 'List')) and not name.endswith(' dry')

class Blow:
    def __init__(self, text):
        m = re.match(r'(%s) at (\w+)( dry)?#(\d+)$' % '|'.join(KINDS), text)
        self.fault = m and {'kind': m[1], 'delay_ms': 300, **({'call': int(m[4])} if m[2] == 'any' else {'action': m[2], 'dry_run': bool(m[3]), 'nth': int(m[4])})}
        m = m or re.match(r'(machine|process) (before|after) (.*#\d+)$', text)
        if not m: raise SystemExit('not a blow: ' + text)
        self.at = None if self.fault else ['--at', m[3], *(['--after'] if m[2] == 'after' else []), *(['--process'] if m[1] == 'process' else [])]

class Act:
    """One run of the program in a story."""
    def __init__(self, text):
        first, *blows = text.split(', ')
        self.verb, self.machine = (first.split() + ['here'])[:2]
        blows = [Blow(b) for b in blows]
        self.faults, self.kills = [b.fault for b in blows if b.fault], [b.at for b in blows if b.at]
        if self.verb not in OPTIONS or len(self.kills) > 1: raise SystemExit('not a run: ' + text)

def untrue(cloud, p, verb, run, undoes=False):
    """What the program said about itself and is not so."""
    said, bad = run.result, []
    cloud.follow(p, cloud.world())
    if verb == 'audit':
        found = [e for e in run.events if 'findings' in e]
        if run.status in (0, 1) and not (found and any(f['check'] == 'fstab-missing-device' for f in found[0]['findings'])): bad.append('the audit does not know what is wrong')
        if run.status not in (0, 1) and found: bad.append('the audit has a verdict, but ended with %d' % run.status)
        return bad
    if run.status in (0, 1) and said is None: bad.append('%s gave no verdict' % verb)
    if said in ('rescued', 'repaired') and not cloud.boots(p): bad.append('said "%s", but the volume does not boot' % said)
    if said == 'undone' and not cloud.is_old(p): bad.append('said "undone", but the volume is not as it was')
    if said == 'returned' and not undoes and not cloud.is_old(p) and verb != 'resume': bad.append('said "returned", but the volume is not as it was')
    if run.status not in (0, 1, 18, NOT_REACHED) and verb != 'resume':
        away = cloud.not_home(p)
        if away: bad.append('status %d, but not everything is home: %s' % (run.status, '; '.join(away)))
    return bad

class Situation:
    """One story, told to a patient of its own."""
    def __init__(self, cloud, story):
        self.cloud, self.bad, self.runs, self.missed = cloud, [], [], False
        self.way, story = split_way(story)
        # Where the snapshot is waited for, the waiting is always the same.
        cloud.ask('POST', 'latencies', {'snapshot': 3 if self.way in SWAPS else LATENCIES['snapshot']})
        cloud.offer_helpers(self.way == 'helper')
        self.scenes = [[Act(text) for text in scene.split(' + ')] for scene in story.split('; ')]
        self.acts = [act for scene in self.scenes for act in scene]
        self.undoes, self.is_elsewhere = self.acts[0].verb == 'undo', any(a.machine == 'there' for a in self.acts)
        self.p = cloud.patient(asg='web', root={'encrypted': True, 'kms_key': KEY})
        self.before = set(cloud.world())
        if self.undoes: self.run(Act('rescue'), expected=ENDS['rescue'])
        self.was = cloud.sum(self.p)
    def start(self, act, log=None):
        target = self.p.instance
        if act.verb == 'resume' and act.machine == 'there' and self.acts[0].verb == 'audit':
            target = (list(self.cloud.temporary(self.p).values()) + [target])[0]  # the run is all that another machine can know
        way = ['--via', self.way] if act.verb == 'rescue' else []
        argv = self.cloud.argv(*OPTIONS[act.verb], *way, target, '--json', state=self.cloud.state(act.machine))
        if act.kills or log: argv = [KILLER, *(['--log', log] if log else []), *(act.kills[0] if act.kills else []), '--', *argv]
        # LeakSanitizer does not work in a process that is traced.
        env = dict(self.cloud.env, **({'ASAN_OPTIONS': self.cloud.env['ASAN_OPTIONS'] + ':detect_leaks=0'} if argv[0] == KILLER and 'ASAN_OPTIONS' in self.cloud.env else {}))
        return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace')
    def finish(self, act, process, expected=None):
        run = self.cloud.finish(process)
        self.cloud.follow(self.p, self.cloud.world())
        self.runs.append((act, run))
        if 'harness: ' in run.err: self.bad.append('%s hung' % act.verb)
        if run.status == OUTLIVED: self.bad.append('%s left processes behind' % act.verb)
        if run.status == NOT_TRACED: self.bad.append('could not be traced: ' + run.err[-200:])
        if 'Sanitizer: ' in run.err: self.bad.append('%s: %s' % (act.verb, re.search('.*Sanitizer: .*', run.err)[0]))
        if run.status in (139, 134, 23) or (run.status < 0 and run.status != -9): self.bad.append('%s ended with status %d' % (act.verb, run.status))
        if act.kills and run.status == NOT_REACHED: self.missed = True
        elif not act.kills: self.judge(act, run)
        if expected and (run.status, run.result) != expected: self.bad.append('%s, to which nothing happened, ended with %r' % (act.verb, (run.status, run.result)))
        return run
    def run(self, act, log=None, expected=None): return self.finish(act, self.start(act, log), expected)
    def judge(self, act, run):
        if len(self.scenes) > 1 and any(len(s) > 1 for s in self.scenes): return  # the other one may be at work at this moment
        self.bad += untrue(self.cloud, self.p, act.verb, run, self.undoes)
    def play(self):
        for scene in self.scenes:
            self.cloud.forget()
            for act in scene:
                for fault in act.faults: self.cloud.ask('POST', 'faults', fault)
            processes = [self.start(act) for act in scene]
            for act, process in zip(scene, processes): self.finish(act, process)
            if any(not fault.get('hits') for fault in self.cloud.ask('GET', 'faults')): self.missed = True
            self.cloud.ask('DELETE', 'faults')
        return self
    def settle(self):
        """Resume until nothing is left to resume; then the machine that was lost comes back."""
        last = Act('resume there' if self.is_elsewhere else 'resume here')
        for n in range(2):
            # Killed after the last thing was given back, a run is at home, but does not know it yet.
            if not self.cloud.not_home(self.p) and not self.cloud.temporary(self.p) and (n or not any(act.kills for act in self.acts)): break
            self.run(last)
        if self.is_elsewhere:
            self.bad += ['before the lost machine came back: ' + text for text in self.cloud.not_home(self.p)]
            last = self.run(Act('resume here'))
            if last.status == 18 and not self.cloud.not_home(self.p): self.bad.append('the lost machine said "away", but everything is home')
        self.bad += self.cloud.not_home(self.p)
        self.bad += self.left_in_cloud() + self.left_on_host()
        self.check_volume()
    def check_volume(self):
        if self.way in SWAPS and not self.cloud.first_is_old(self.p): self.bad.append('the root volume was written')
        if self.cloud.is_old(self.p): return
        if not self.cloud.boots(self.p):
            self.bad.append('the volume is neither old nor repaired')
            return
        # The snapshot of an undo is of the repaired volume, so that is exactly old for a root volume made of it.
        if self.bad or (hasattr(self.p, 'old_volume') and self.cloud.sum(self.p) == self.was): return
        run = self.run(Act('undo here'))
        self.bad += self.cloud.not_home(self.p)
        if not self.cloud.is_old(self.p): self.bad.append('the volume is repaired, but not undone to what it was: status %d, %s' % (run.status, run.result))
    def left_in_cloud(self):
        self.cloud.wait_for_helpers()
        world, bad, p = self.cloud.world(), [], self.p
        kept = {p.volume, getattr(p, 'old_volume', p.volume)}
        runs = {}
        for id, row in world.items():
            tags = [key for key in row.get('tags', {}) if key.startswith('ec2-rescue') and row['tags'][key]]
            if row.get('gone') or (id.startswith('i-') and id not in self.before and row['state'] == 'terminated'): continue
            if id.startswith('snap-') and id not in self.before:
                if row.get('volume') not in kept: bad.append('snapshot %s of %s' % (id, row.get('volume')))
                runs.setdefault(row['tags'].get('ec2-rescue-run'), []).append(id)
                if tags != ['ec2-rescue-run']: bad.append('tags of %s: %s' % (id, tags))
            elif id not in self.before and id not in kept and not id.startswith('replacevol-'): bad.append('left in the cloud: %s' % id)
            elif tags and sorted(tags) != self.tags_kept(id) and (id in kept or id == p.instance):
                bad.append('tags of %s: %s' % (id, tags))
            at = row.get('attachments', row.get('attachment')) if id.startswith('vol-') else None
            for a in (at if isinstance(at, list) else [at]) if at else []:
                if a.get('instance') != p.instance and id in kept: bad.append('%s is attached to the helper' % id)
        bad += ['%d snapshots of run %s' % (len(ids), run) for run, ids in runs.items() if len(ids) > 1]
        return bad
    def tags_kept(self, id):
        """A volume that was made says of which run; the one whose place it took, in which."""
        if id == self.p.instance: return []
        kept = ['ec2-rescue-kept'] if self.way in SWAPS and id != self.p.volume else []
        return kept + (['ec2-rescue-run'] if id != self.p.first else [])
    def left_on_host(self):
        """Processes, mounts, loop devices: they have a moment to vanish."""
        until = time.monotonic() + 3
        while True:
            bad = left(self.cloud)
            if not bad or time.monotonic() > until: return bad
            time.sleep(0.02)
    def tell(self):
        lines = []
        for act, run in self.runs: lines += ['--- %s %s: status %s' % (act.verb, act.machine, run.status)] + (run.out + run.err).splitlines()[-25:]
        return '\n'.join(lines)

def left(cloud):
    bad = []
    with open('/proc/mounts') as f: bad += ['mount ' + line.split()[1] for line in f if cloud.dir in line]
    for name in os.listdir('/sys/block'):
        try:
            with open('/sys/block/%s/loop/backing_file' % name) as f: backing = f.read().strip()
        except OSError: continue
        if cloud.dir in backing: bad.append('%s on %s' % (name, backing))
    for pid in children():
        if pid == cloud.sim.pid: continue
        try:
            with open('/proc/%d/stat' % pid) as f: stat = f.read()
        except OSError: continue
        if stat.rsplit(')', 1)[1].split()[0] == 'Z': os.waitpid(pid, os.WNOHANG)
        else: bad.append('process %d %s' % (pid, stat.split('(', 1)[1].rsplit(')', 1)[0]))
    return bad

def children():
    with open('/proc/self/task/%d/children' % os.getpid()) as f: return [int(pid) for pid in f.read().split()]

def adopt():
    """Orphans come to this process, so that it sees them."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)

# ---- what there is to tell: the calls and the moments of a run to which nothing happens

def calls_of(cloud, story):
    """The API calls of the last run of a story: [(name, K, how often)]."""
    s = Situation(cloud, story)
    s.play()
    calls, count = cloud.calls(), {}
    assert not s.bad and not s.missed, (story, s.bad, s.missed, s.tell())
    s.settle()
    cloud.drop(s.p)
    out = []
    for c in calls:
        name = call_name(c)
        count[name] = count.get(name, 0) + 1
        out.append((name, count[name]))
    return [(name, k, count[name]) for name, k in out]

def moments_of(cloud, story):
    """The moments of the last run of a story, as LABEL#K in their order."""
    head, _, tail = story.rpartition('; ')
    s = Situation(cloud, story)
    s.scenes = s.scenes[:-1] if head else []
    s.play()
    log = cloud.dir + '/moments'
    run = s.run(Act(split_way(tail)[1]), log=log)
    assert not s.bad and not s.missed, (story, s.bad, s.missed, s.tell())
    s.settle()
    cloud.drop(s.p)
    with open(log) as f: return [line.rstrip('\n').split('\t')[1] for line in f]
