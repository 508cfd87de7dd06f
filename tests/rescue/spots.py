# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of saved states share: instances, their sets, and file systems that somebody writes to."""
import ctypes, os, subprocess, sys, tempfile, threading, time
from tap import Skip, Wrong, expect, run_all

DATA = 'vol-0000000000000d%03d'
KINDS = [{'kind': 'refused'}, {'kind': 'http5xx'}, {'kind': 'lost-after'}, {'kind': 'lost-before'}, {'kind': 'damaged'}, {'kind': 'slow', 'delay_ms': 300}]

STRIDE = 3 if os.environ.get('PROOF_SECONDS') else 1  # a part of them where the proofs are drawn for a while only

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
class Slow:
    """Snapshots that stay pending until the end of it, however slow this machine is."""
    def __init__(self, cloud): self.cloud = cloud
    def __enter__(self): self.cloud.ask('POST', 'latencies', {'snapshot': 100000})
    def __exit__(self, *_): self.cloud.ask('POST', 'latencies', {'snapshot': 600}); self.cloud.ask('POST', 'advance', {'seconds': 100001})
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
def stamp(t): return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(t))

def main(make_cloud):
    if not os.geteuid():  # what is mounted here goes with this process
        ctypes.CDLL(None).unshare(0x20000)
        subprocess.run(['mount', '--make-rprivate', '/'], check=True)
    run_all(make_cloud)

WRITER = """
import os, sys, time
fd = os.open(sys.argv[1] + '/records', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
n = 0
while True:
    n += 1
    os.write(fd, b'%08d\\n' % n); os.fsync(fd)
    os.write(1, b'%.6f %d\\n' % (time.time(), n))
"""
class Writer:
    """Appends records and makes each safe before it says so; acks: (when, record)."""
    def __init__(self, path):
        self.path, self.acks = path, []
        self.process = subprocess.Popen([sys.executable, '-c', WRITER, path], stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()
        self.progress(20)
    def read(self):
        for line in self.process.stdout: self.acks.append((float(line.split()[0]), int(line.split()[1])))
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
