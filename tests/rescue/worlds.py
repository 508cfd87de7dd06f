# SPDX-License-Identifier: GPL-2.0-or-later
"""One embedded cloud for many rescues, for loops over failures: every situation gets a patient of its own in it.
    cloud = Cloud(faults=['fstab-missing-volume']); p = cloud.patient(); run = cloud.rescue(p); bad = cloud.not_home(p)"""
import hashlib, json, os, random, shutil, signal, subprocess, tempfile, time, urllib.request

SRC = os.environ.get('SRC', os.getcwd())
BUILD = os.path.abspath(os.environ.get('BUILD', SRC + '/build'))
TOOL = os.environ.get('EC2_RESCUE', BUILD + '/ec2-rescue')
SIM = os.environ.get('EC2_SIM', BUILD + '/ec2-sim')
HELPER = 'i-0fedcba9876543210'
IMAGE = 'ami-0fedcba9876543210'  # of helpers that are launched
PARAMETER = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64'
KEY = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
LATENCIES = {'stopping': 10, 'start_pending': 5, 'status_checks': 10, 'attaching': 3, 'attaching_stopped': 1, 'detaching': 3, 'detaching_stopped': 1,
             'device_appears': 1, 'device_vanishes': 1, 'snapshot': 600, 'sshd_up': 1, 'console': 1, 'asg_standby': 3, 'asg_replace': 20,
             'run_pending': 5, 'shutting_down': 5, 'deleting': 1, 'shutdown_minute': 6000}

class Patient:
    def __init__(self, n):
        self.instance, self.volume = 'i-0%016x' % (0xa000 + n), 'vol-0%016x' % (0xb000 + n)
        self.first = self.volume
        self.was = 'running'

class Run:
    def __init__(self, status, out, err, wall):
        self.status, self.out, self.err, self.wall = status, out, err, wall
        self.events = []
        for line in out.splitlines():
            try: self.events.append(json.loads(line))
            except ValueError: pass
    def of(self, kind): return [e for e in self.events if e.get('event') == kind]
    @property
    def result(self):
        verdicts = self.of('verdict')
        return verdicts[-1]['result'] if verdicts else None

class Cloud:
    def __init__(self, faults=('fstab-missing-volume',), speed=600, pace=20, consistency=0, seed=1, image=None, net=None, **world):
        self.dir = tempfile.mkdtemp()
        for machine in ('here', 'there'): os.mkdir('%s/%s' % (self.dir, machine))
        self.consistency, self.facts = consistency, {}
        self.count, self.pace, self.net = 0, pace, net or random.randrange(2, 250)  # of sshd's addresses: other clouds run beside this one
        self.image = image or self.dir + '/first.img'
        if not image: shutil.move(self.make(faults), self.image)
        with open(self.image, 'rb') as f: self.old = hashlib.sha256(f.read()).hexdigest()
        description = {'imds': {'instance': HELPER}, 'vpcs': [{'id': 'vpc-0123456789abcdef0', 'cidr': '10.0.0.0/16'}],
                       'subnets': [{'id': 'subnet-0123456789abcdef0', 'vpc': 'vpc-0123456789abcdef0', 'zone': 'us-east-1a', 'cidr': '10.0.1.0/24'}],
                       'instances': [{'id': HELPER, 'subnet': 'subnet-0123456789abcdef0', 'zone': 'us-east-1a',
                                      'volumes': [{'device': '/dev/xvda', 'volume_id': 'vol-0fedcba9876543210', 'size': 1}]}],
                       'auto_scaling_groups': [{'name': 'web', 'desired': 100000}], 'keys': {KEY: 'Enabled'}, 'latencies': LATENCIES, 'throttle': {'enabled': False}}
        if consistency: description['consistency'] = {'visible_after_s': consistency}
        description.update(world)
        with open(self.dir + '/world.json', 'w') as f: json.dump(description, f)
        self.sim = subprocess.Popen([SIM, '--state', self.dir + '/cloud', '--config', self.dir + '/world.json', '--speed', str(speed), '--seed', str(seed)],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.dir + '/sim.err', 'w'))
        until = time.monotonic() + 10
        while not os.path.exists(self.dir + '/cloud/endpoint') and time.monotonic() < until: time.sleep(0.01)
        self.url = open(self.dir + '/cloud/endpoint').read().strip()
        self.devices = self.dir + '/cloud/dev/disk/by-id'
        self.env = {'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin', 'LC_ALL': 'C.UTF-8', 'AWS_ACCESS_KEY_ID': 'AKIATEST', 'AWS_SECRET_ACCESS_KEY': 'secret',
                    'AWS_REGION': 'us-east-1', 'AWS_ENDPOINT_URL': self.url, 'AWS_EC2_METADATA_SERVICE_ENDPOINT': self.url, 'EC2_RESCUE_CHECKIP_URL': self.url + '/checkip', 'EC2_RESCUE_PACE': str(pace)}
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'EC2_RESCUE_DEBUG'):
            if name in os.environ: self.env[name] = os.environ[name]
    def make(self, faults):
        image = self.dir + '/made.img'
        subprocess.run([SRC + '/tests/patient/make', image, *faults], env=dict(os.environ, SIZE=os.environ.get('SIZE', '48M'), KEY=self.dir + '/key'),
                       check=True, stdout=subprocess.DEVNULL, cwd=SRC)
        return image
    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + '/_sim/' + path, method=method, data=None if body is None else json.dumps(body).encode())
        text = urllib.request.urlopen(request).read()
        return json.loads(text) if text.strip() else None
    def offer_helpers(self, on=True):
        """Can one be launched?"""
        if on: self.ask('POST', 'world', {'images': [{'id': IMAGE, 'name': 'al2023', 'root_device_name': '/dev/xvda', 'architecture': 'x86_64', 'mapping': [{'device': '/dev/xvda', 'size': 1}],
                                                      'boot': {'sshd_listen': 'real'}}]})
        self.ask('POST', 'world', {'parameters': {PARAMETER: IMAGE} if on else {}})
    def wait_for_helpers(self):
        """What is being terminated has a moment for it."""
        until = time.monotonic() + 3
        while time.monotonic() < until and any(row.get('state') in ('shutting-down', 'deleting') for row in self.world().values()): time.sleep(0.02)
    def launched(self):
        """What was made for helpers and is there: {id: row}."""
        return {id: row for id, row in self.world().items() if id[:2] in ('i-', 'sg') and 'ec2-rescue-run' in row.get('tags', {}) and row.get('state') not in ('terminated', 'shutting-down') and not row.get('gone')}
    def patient(self, **over):
        """A new instance, broken as the first image is. Members of `root` go to its root volume, `data` are further ones."""
        self.count += 1
        p = Patient(self.count)
        copy = '%s/p%d.img' % (self.dir, self.count)
        subprocess.run(['cp', '--sparse=always', '--reflink=auto', self.image, copy], check=True)
        root = dict({'device': '/dev/xvda', 'volume_id': p.volume, 'delete_on_termination': True, 'file': copy, 'adopt': 'move'}, **over.pop('root', {}))
        instance = {'id': p.instance, 'subnet': 'subnet-0123456789abcdef0', 'zone': 'us-east-1a', 'status': 'impaired', 'private_ip': '127.%d.%d.%d' % (self.net, self.count >> 8, self.count & 255),
                    'volumes': [root, *over.pop('data', [])], 'boot': {'console_script': SRC + '/tests/patient/boot', 'sshd_listen': True}}
        instance.update(over)
        p.was, p.dot, p.device = instance.get('state', 'running'), root['delete_on_termination'], root['device']
        self.ask('POST', 'world', {'instances': [instance]})
        if self.consistency: self.ask('POST', 'advance', {'seconds': 2 * self.consistency})
        return p
    def state(self, machine): return '%s/%s/state' % (self.dir, machine)
    def argv(self, *args, state=None, own_devices=True):
        """own_devices: the devices of the cloud's helper are this machine's."""
        if args[0] == 'spot': return [TOOL, *args]  # which keep nothing here
        return [TOOL, *args, '--state-dir', state or self.state('here'), *(['--device-dir', self.devices] if own_devices and args[0] not in ('audit', 'runs', 'net') else [])]
    def start(self, *args, state=None, json_events=True, pace=None, env={}, own_devices=True):
        return subprocess.Popen(self.argv(*args, *(['--json'] if json_events else []), state=state, own_devices=own_devices), env=dict(self.env, EC2_RESCUE_PACE=str(pace or self.pace), **env), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace')
    def finish(self, process, timeout=60, since=None):
        since = since or time.monotonic()
        try: out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += '\nharness: not finished after %d s' % timeout
        return Run(process.returncode, out, err, time.monotonic() - since)
    def run(self, *args, timeout=60, **how):
        return self.finish(self.start(*args, **how), timeout, time.monotonic())
    def rescue(self, *patients, options=(), **how):
        return self.run('--yes', *options, *[p.instance for p in patients], **how)
    def calls(self): return self.ask('GET', 'calls')
    def forget(self): self.ask('DELETE', 'calls'); self.ask('DELETE', 'faults')
    def world(self):
        world = self.ask('GET', 'world')
        return {row['id']: row for rows in world.values() if isinstance(rows, list) for row in rows if isinstance(row, dict) and 'id' in row}
    def temporary(self, p):
        """Snapshots of it that were made for an audit: {id: run}."""
        return {id: row['tags']['ec2-rescue-temporary'] for id, row in self.world().items()
                if id.startswith('snap-') and row.get('volume') == p.volume and not row.get('gone') and 'ec2-rescue-temporary' in row.get('tags', {})}
    def file(self, p): return '%s/cloud/volumes/%s.img' % (self.dir, p.volume)
    def known(self, p, what, find):
        """What was found out about a volume holds until it is written again."""
        at = os.stat(self.file(p))
        key = (what, p.volume, at.st_mtime_ns, at.st_ctime_ns)
        if key not in self.facts: self.facts[key] = find(self.file(p))
        return self.facts[key]
    def sum_file(self, path):
        with open(path, 'rb') as f: return hashlib.sha256(f.read(os.path.getsize(self.image))).hexdigest()
    def boot_file(self, path):
        return subprocess.run([SRC + '/tests/patient/boot', path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, PATH=self.env['PATH'])).returncode == 0
    def sum(self, p): return self.known(p, 'sum', self.sum_file)
    def boots(self, p): return self.known(p, 'boots', self.boot_file)
    def is_old(self, p): return self.sum(p) == self.old
    def first_is_old(self, p):
        """Its first root volume, wherever that is now."""
        return self.sum_file('%s/cloud/volumes/%s.img' % (self.dir, p.first)) == self.old
    def not_home(self, p):
        """What of the patient is not as it was before, as a list of sentences."""
        by, bad = self.world(), []
        self.follow(p, by)
        i, v = by[p.instance], by[p.volume]
        if i['state'] != p.was: bad.append('state is %s, was %s' % (i['state'], p.was))
        at = v.get('attachments', v.get('attachment'))
        at = [a for a in (at if isinstance(at, list) else [at]) if a]
        if len(at) != 1: bad.append('attachments: %r' % (at,))
        for a in at:
            if a.get('instance') != p.instance: bad.append('attached to %s' % a.get('instance'))
            if a.get('device') != p.device: bad.append('attached as %s' % a.get('device'))
            if bool(a.get('delete_on_termination')) != p.dot: bad.append('DeleteOnTermination is %r' % a.get('delete_on_termination'))
            if a.get('state', a.get('status')) != 'attached': bad.append('attachment is %s' % a.get('state', a.get('status')))
        if i.get('asg') and i.get('asg_state') != 'InService': bad.append('%s in its Auto Scaling group' % i.get('asg_state'))
        for r in (i, v):
            if 'ec2-rescue' in r.get('tags', {}): bad.append('%s is claimed: %s' % (r['id'], r['tags']['ec2-rescue']))
        return bad
    def follow(self, p, by):
        """A root volume that a run made takes the place of the old one, which nobody holds, and an undo puts that one back."""
        for id, row in by.items():
            at = row.get('attachments', row.get('attachment')) if id.startswith('vol-') else None
            for a in at if isinstance(at, list) else [at] if at else []:
                if a.get('instance') == p.instance and id != p.volume and by[p.volume]['state'] == 'available' and (row.get('tags', {}).get('ec2-rescue-run') or id == p.first):
                    p.old_volume, p.volume = p.volume, id
    def drop(self, p):
        """The patient is not needed any more; its volume's space is given back."""
        os.truncate(self.file(p), 0)
    def close(self):
        self.sim.send_signal(signal.SIGTERM)
        try: self.sim.wait(10)
        except subprocess.TimeoutExpired: self.sim.kill(); self.sim.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
    def __enter__(self): return self
    def __exit__(self, *_): self.close()
