#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TAP for test-sim-helper.sh: an instance is launched with user data and logged into with the system's own ssh."""
import base64, json, os, subprocess, sys, time
sys.path.insert(0, 'tests/rescue')
from worlds import Cloud, BUILD, IMAGE
CALL = BUILD + '/tests/cloud/tool-call'
count = failed = 0
def ok(good, what, seen=''):
    global count, failed
    count += 1; failed += not good
    print('%s %d - %s' % ('ok' if good else 'not ok', count, what), flush=True)
    if not good: print('# ' + str(seen)[-800:].replace('\n', '\n# '), flush=True)

def until(what, limit=10):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what(): return True
        time.sleep(0.05)
    return False

class Machine:
    """What was launched, and ways to it."""
    def __init__(self, cloud):
        self.cloud, self.keys = cloud, cloud.dir + '/keys'
        os.mkdir(self.keys)
        for name in ('login', 'host', 'wrong'): subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '%s/%s' % (self.keys, name)], check=True)
        with open(self.keys + '/known', 'w') as f: f.write('helper ' + self.key('host.pub'))
    def key(self, name):
        with open('%s/%s' % (self.keys, name)) as f: return f.read()
    def user_data(self):
        config = {'users': [{'name': 'op', 'sudo': 'ALL=(ALL) NOPASSWD:ALL', 'ssh_authorized_keys': [self.key('login.pub').strip()]}],
                  'ssh_keys': {'ed25519_private': self.key('host'), 'ed25519_public': self.key('host.pub').strip()}, 'power_state': {'mode': 'poweroff', 'delay': '+600'}}
        return base64.b64encode(('#cloud-config\n' + json.dumps(config)).encode()).decode()
    def row(self): return self.cloud.world()[self.id]
    def argv(self, command, key='login'):
        row = self.row()
        return ['ssh', '-F', 'none', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'HostKeyAlias=helper', '-o', 'UserKnownHostsFile=' + self.keys + '/known',
                '-o', 'ConnectTimeout=2', '-o', 'LogLevel=ERROR', '-i', self.keys + '/' + key, '-p', str(row['ssh_port']), '-l', 'op', row['public_ip'], command]
    def ssh(self, command, key='login'):
        return subprocess.run(self.argv(command, key), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)

def main():
    with Cloud(image='/dev/null', speed=60) as cloud: run(cloud)
    print('1..%d' % count)
    return failed

def run(cloud):
    cloud.offer_helpers()
    cloud.ask('POST', 'latencies', {'run_pending': 1, 'status_checks': 1, 'shutting_down': 5, 'volume_creating': 0, 'shutdown_minute': 60})
    env = dict(os.environ, **{k: v for k, v in cloud.env.items() if k.startswith('AWS')})
    def call(action, *params): return subprocess.run([CALL, cloud.url, action, *params], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    def only(prefix, member, value): return [id for id, row in cloud.world().items() if id.startswith(prefix) and row.get(member) == value][0]
    m = Machine(cloud)
    make = ('CreateSecurityGroup', 'GroupName=ours', 'GroupDescription=x', 'VpcId=vpc-0123456789abcdef0')
    call(*make)
    group = only('sg-', 'name', 'ours')
    ok('InvalidGroup.Duplicate' in call(*make), 'a second group of that name is refused')
    call('RunInstances', 'ImageId=' + IMAGE, 'InstanceType=t3.nano', 'MinCount=1', 'MaxCount=1', 'NetworkInterface.1.DeviceIndex=0', 'NetworkInterface.1.SubnetId=subnet-0123456789abcdef0',
         'NetworkInterface.1.SecurityGroupId.1=' + group, 'NetworkInterface.1.AssociatePublicIpAddress=true', 'InstanceInitiatedShutdownBehavior=terminate', 'UserData=' + m.user_data())
    m.id = only('i-', 'image', IMAGE)
    ok(until(lambda: m.row().get('sshd_open')), 'its sshd is up', m.row())
    ok(m.ssh('true').returncode == 255, 'a group without a rule lets nobody in')
    rule = ('AuthorizeSecurityGroupIngress', 'GroupId=' + group, 'IpPermissions.1.IpProtocol=tcp', 'IpPermissions.1.FromPort=22', 'IpPermissions.1.ToPort=22', 'IpPermissions.1.IpRanges.1.CidrIp=127.0.0.1/32')
    call(*rule)
    ok('InvalidPermission.Duplicate' in call(*rule), 'the same rule again is refused')
    who = m.ssh('id -un; sudo -n id -un')
    ok(who.returncode == 0 and who.stdout.split() == ['op', 'root'], 'login and sudo', who)
    ok(m.ssh('true', key='wrong').returncode == 255, 'another key is refused')
    net = m.ssh('cat /proc/net/dev | grep : | grep -v lo: | wc -l')
    ok(net.stdout.strip() == '0', 'there is no network', net)
    call('CreateVolume', 'AvailabilityZone=us-east-1a', 'Size=3')
    volume = only('vol-', 'size', 3)
    vol = lambda: cloud.world()[volume]
    until(lambda: vol()['state'] == 'available')
    call('AttachVolume', 'VolumeId=' + volume, 'InstanceId=' + m.id, 'Device=/dev/sdf')
    device = '/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_' + volume.replace('-', '')
    ok(until(lambda: m.ssh('sudo -n test -e ' + device).returncode == 0), 'the volume is there under its id')
    wrote = m.ssh('echo written | sudo -n dd of=%s conv=notrunc,fsync bs=4k seek=3 2>&1' % device)
    with open('%s/cloud/volumes/%s.img' % (cloud.dir, volume), 'rb') as f: f.seek(3 * 4096); ok(f.read(8) == b'written\n', 'what is written there is on the volume', wrote)
    holder = subprocess.Popen(m.argv('sudo -n sh -c "exec 3<%s; echo open; read line"' % device), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ok(holder.stdout.readline() == 'open\n', 'somebody holds it open')
    call('DetachVolume', 'VolumeId=' + volume)
    ok(until(lambda: vol().get('attachment', {}).get('status') == 'busy'), 'then it is busy', vol())
    holder.communicate('\n', timeout=10)
    ok(until(lambda: vol()['state'] == 'available'), 'and goes when it is let go of', vol())
    ok('DependencyViolation' in call('DeleteSecurityGroup', 'GroupId=' + group), 'a group in use stays')
    ok(m.ssh('sudo -n shutdown -P +2000').returncode == 0, 'the shutdown is put off')
    cloud.ask('POST', 'advance', {'seconds': 700 * 60})
    time.sleep(0.3)
    ok(m.row()['state'] == 'running', 'so it lives on', m.row())
    sleeper = subprocess.Popen(m.argv('exec sleep 987654'), stdin=subprocess.DEVNULL)
    there = lambda: subprocess.run(['pgrep', '-x', '-f', 'sleep 987654'], stdout=subprocess.PIPE, text=True).stdout.split()
    ok(until(there), 'somebody is at work there')
    def later():
        cloud.ask('POST', 'advance', {'seconds': 1800})
        return m.row()['state'] in ('shutting-down', 'terminated')
    ok(until(later), 'until the time has come', m.row())
    sleeper.wait(10)
    ok(until(lambda: not there()), 'nothing of it runs any more', there())
    ok(until(lambda: m.row()['state'] == 'terminated'), 'it is terminated')
    call('DeleteSecurityGroup', 'GroupId=' + group)
    ok('InvalidGroup.NotFound' in call('DeleteSecurityGroup', 'GroupId=' + group), 'and its group can go')

if __name__ == '__main__': sys.exit(1 if main() else 0)
