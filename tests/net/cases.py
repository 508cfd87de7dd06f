# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases of tests/net/README, as TAP. Arguments choose some by name; BLESS=1 writes the expectations."""
import copy, glob, json, os, re, shutil, subprocess, sys, tempfile, time, urllib.request

SRC = os.environ.get('SRC', os.getcwd())
BUILD = os.path.abspath(os.environ.get('BUILD', SRC + '/build'))
TOOL = os.environ.get('EC2_RESCUE', BUILD + '/ec2-rescue')
SIM = os.environ.get('EC2_SIM', BUILD + '/ec2-sim')
HERE = os.path.dirname(os.path.abspath(__file__))
CALLS = 12  # for an answer; the blocks of a snapshot are not counted

def merge(base, over):
    """What `over` says of a resource wins; null takes it away."""
    out = copy.deepcopy(base)
    for kind, rows in over.items():
        if not isinstance(rows, list) or not isinstance(out.get(kind), list):
            out[kind] = rows
            continue
        known = {row['id']: row for row in out[kind]}
        for row in rows:
            if row.get('gone'): out[kind].remove(known[row['id']])
            elif row['id'] in known:
                known[row['id']].update(row)
                for member in [m for m, v in row.items() if v is None]: del known[row['id']][member]
            else: out[kind].append(row)
    return out

class Cloud:
    """An embedded cloud with one description; TOOL is run in it."""
    def __init__(self, world):
        self.dir = tempfile.mkdtemp(prefix='ec2-rescue-net-')
        with open(self.dir + '/world.json', 'w') as f: json.dump(world, f)
        self.sim = subprocess.Popen([SIM, '--state', self.dir + '/cloud', '--config', self.dir + '/world.json', '--seed', '1'], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=open(self.dir + '/sim.err', 'w'))
        until = time.monotonic() + 10
        while not os.path.exists(self.dir + '/cloud/endpoint') and self.sim.poll() is None and time.monotonic() < until: time.sleep(0.005)
        if not os.path.exists(self.dir + '/cloud/endpoint'): raise SystemExit('ec2-sim: ' + open(self.dir + '/sim.err').read())
        self.url = open(self.dir + '/cloud/endpoint').read().strip()
        self.env = {'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin', 'LC_ALL': 'C.UTF-8', 'AWS_ACCESS_KEY_ID': 'AKIATEST', 'AWS_SECRET_ACCESS_KEY': 'secret',
                    'AWS_REGION': 'us-east-1', 'AWS_ENDPOINT_URL': self.url, 'AWS_EC2_METADATA_DISABLED': 'true', 'EC2_RESCUE_CHECKIP_URL': self.url + '/checkip', 'EC2_RESCUE_PACE': '100'}
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TMPDIR'):
            if name in os.environ: self.env[name] = os.environ[name]
    def __enter__(self): return self
    def __exit__(self, *_):
        self.sim.kill()
        self.sim.wait()
        shutil.rmtree(self.dir)
    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + '/_sim/' + path, method=method, data=None if body is None else json.dumps(body).encode())
        text = urllib.request.urlopen(request).read()
        return json.loads(text) if text.strip() else None
    def run(self, *args):
        return subprocess.run([TOOL, *args], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', timeout=60)
    def calls(self): return [c['action'] for c in self.ask('GET', 'calls')]
    def truth(self):
        """All that a change of the network could touch."""
        world = self.ask('GET', 'world')
        for instance in world['instances']:
            for eni in instance['interfaces']:
                if eni.get('source_dest_check'): del eni['source_dest_check']  # on is what it is without a word
        return json.dumps({kind: [{k: v for k, v in row.items() if k not in ('create_time', 'launch_time')} for row in world[kind]]
                           for kind in ('security_groups', 'network_acls', 'route_tables', 'instances')}, sort_keys=True)

def image_of(tree, path):
    """A volume with this tree; owners and modes as tests/checks/README says of trees."""
    work = path + '.tree'
    shutil.copytree(os.path.realpath(tree), work, symlinks=True)
    for top, dirs, files in os.walk(work):
        for name in dirs: os.chmod(os.path.join(top, name), 0o755)
        for name in files:
            if not os.path.islink(os.path.join(top, name)): os.chmod(os.path.join(top, name), 0o644)
    os.makedirs(work + '/usr/bin', exist_ok=True)
    if not os.path.exists(work + '/etc/fstab'):
        with open(work + '/etc/fstab', 'w') as f: f.write('LABEL=root / ext4 defaults 0 1\n')
    attrs = os.path.join(os.path.dirname(os.path.realpath(tree)), 'attrs')
    for line in open(attrs).read().splitlines() if os.path.exists(attrs) else ():
        word = line.split()
        if word and word[0].isdigit() and len(word) >= 4:
            os.chmod(work + '/' + word[3].lstrip('/'), int(word[0], 8))
            if os.geteuid() == 0: os.chown(work + '/' + word[3].lstrip('/'), int(word[1]), int(word[2]))
        elif word and word[0] == 'dir': os.makedirs(work + '/' + word[1].lstrip('/'), exist_ok=True)
        elif word and word[0] == 'link': os.symlink(word[2], work + '/' + word[1].lstrip('/'))
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-b', '4096', '-d', work, '-L', 'root', path, '24M'], check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin'))
    shutil.rmtree(work)

def world_of(folder, scratch):
    with open(HERE + '/base.json') as f: world = json.load(f)
    if os.path.exists(folder + '/cloud.json'):
        with open(folder + '/cloud.json') as f: world = merge(world, json.load(f))
    if os.path.exists(folder + '/tree'):
        image_of(folder + '/tree', scratch + '/root.img')
        world['snapshots'] = [{'id': 'snap-00000000000000001', 'file': scratch + '/root.img', 'adopt': 'copy', 'size': 1, 'volume': 'vol-00000000000000001'}]
    return world

def shown(run):
    text = re.sub(r'\(request [0-9a-f-]*\)', '(request ID)', re.sub(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', 'TIME', run.stdout))
    return 'exit %d\n%s%s' % (run.returncode, text, ''.join('stderr: %s\n' % l for l in run.stderr.splitlines() if l.startswith('ec2-rescue: ')))

def prove_fix(cloud, ask, wrong):
    """All that stops the path can be changed: then the change opens it, and goes home without a trace."""
    before = cloud.truth()
    state = cloud.dir + '/state'
    run = cloud.run('net', *ask, '--fix-cloud', '--yes', '--state-dir', state)
    if run.returncode not in (0, 22): wrong.append('not open after --fix-cloud (%d): %s' % (run.returncode, (run.stdout + run.stderr)[-600:]))
    if cloud.truth() == before: wrong.append('--fix-cloud changed nothing')
    run = cloud.run('undo', ask[0], '--state-dir', state)
    if run.returncode: wrong.append('undo: %s' % run.stderr[-300:])
    if cloud.truth() != before: wrong.append('undo left something: %s' % cloud.truth())

def case(folder):
    wrong, ask = [], open(folder + '/ask').read().split()
    with tempfile.TemporaryDirectory() as scratch, Cloud(world_of(folder, scratch)) as cloud:
        before = cloud.truth()
        cloud.ask('DELETE', 'calls')
        run = cloud.run('net', *ask)
        calls = [c for c in cloud.calls() if c not in ('GetSnapshotBlock', 'ListSnapshotBlocks')]
        got, path = shown(run), folder + '/expect'
        if os.environ.get('BLESS'):
            with open(path, 'w') as f: f.write(got)
        want = open(path).read() if os.path.exists(path) else ''
        if got != want: wrong.append('expected:\n%s\ngot:\n%s' % (want, got))
        if len(calls) > CALLS: wrong.append('%d calls: %s' % (len(calls), ' '.join(calls)))
        if [c for c in cloud.calls() if not c.startswith(('Describe', 'Get', 'List'))]: wrong.append('not only looked: %s' % ' '.join(cloud.calls()))
        if cloud.truth() != before: wrong.append('the cloud was changed')
        if run.returncode == 1:
            answer = json.loads(cloud.run('net', *ask, '--json').stdout)
            stops = [hop for hop in answer['hops'] if hop['standing'] == 'stops']
            if all('command' in hop for hop in stops): prove_fix(cloud, ask, wrong)
    return wrong

def main():
    folders = sorted(os.path.dirname(p) for p in glob.glob(HERE + '/*/*/ask'))
    if sys.argv[1:]: folders = [f for f in folders if any(a in f[len(HERE):] for a in sys.argv[1:])]
    for n, folder in enumerate(folders, 1):
        wrong = case(folder)
        print('%s %d - %s' % ('not ok' if wrong else 'ok', n, folder[len(HERE) + 1:]))
        for w in wrong:
            for line in w.splitlines(): print('#   ' + line)
        sys.stdout.flush()
    print('1..%d' % len(folders))

if __name__ == '__main__': main()
