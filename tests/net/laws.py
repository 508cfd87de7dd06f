# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks that nobody wrote, as TAP: each answer against another reading of the same rules, the answer for a large VPC, and every call of
--fix-cloud failing in every way. Arguments: [SEED [COUNT]]."""
import copy, glob, ipaddress, json, os, pty, random, re, shutil, signal, subprocess, sys, tempfile
from cases import BUILD, Cloud, HERE, TOOL, merge, world_of as world_of_case

V, IGW = 'vpc-00000000000000001', 'igw-00000000000000001'
SENDERS = ['203.0.113.7', '198.18.0.9', '10.0.1.20', '10.0.3.40', '10.0.2.30']
CIDRS = ['0.0.0.0/0', '203.0.113.0/24', '203.0.113.7/32', '198.18.0.0/15', '10.0.0.0/16', '10.0.1.0/24', '10.0.3.0/25', '10.0.2.30/32', '192.0.2.0/24']
PORTS = [(22, 22), (0, 65535), (1024, 65535), (32768, 65535), (22, 1023), (40000, 50000), (443, 443), (1, 60000)]

def sid(kind, n): return '%s-0000000000000000%d' % (kind, n)

def world_of(r, base):
    w = copy.deepcopy(base)
    def rules(n): return [{'protocol': '-1', 'cidr': r.choice(CIDRS)} if r.random() < 0.15 else
                          dict({'protocol': r.choice(['tcp', 'tcp', 'tcp', 'udp'])}, **dict(zip(('from', 'to'), r.choice(PORTS))), **({'group': sid('sg', r.randint(1, 3))} if r.random() < 0.25 else {'cidr': r.choice(CIDRS)}))
                          for _ in range(n)]
    for g in w['security_groups']:
        g['ingress'] = rules(r.randint(0, 4))
        g['egress'] = [{'protocol': '-1', 'cidr': '0.0.0.0/0'}] if r.random() < 0.7 else rules(r.randint(0, 2))
    for i in w['instances']: i['groups'] = r.sample([sid('sg', n) for n in (1, 2, 3)], r.randint(1, 2))
    def entries():
        out = []
        for egress in (False, True):
            numbers = r.sample(range(1, 200), r.randint(0, 4))
            for n in numbers:
                e = {'number': n, 'action': r.choice(['allow', 'allow', 'deny']), 'cidr': r.choice(CIDRS), 'egress': egress, 'protocol': r.choice(['-1', '6', '6', '17', '1'])}
                if e['protocol'] in ('6', '17'): e.update(zip(('from', 'to'), r.choice(PORTS)))
                out.append(e)
            if r.random() < 0.7: out.append({'number': 300, 'action': 'allow', 'cidr': '0.0.0.0/0', 'egress': egress})
        return out
    subnets = [sid('subnet', n) for n in (1, 2, 3)]
    r.shuffle(subnets)
    cut = r.randint(1, 2)
    w['network_acls'] = [{'id': sid('acl', 1), 'vpc': V, 'subnets': subnets[:cut], 'entries': entries()}, {'id': sid('acl', 2), 'vpc': V, 'subnets': subnets[cut:], 'entries': entries()}]
    for t in w['route_tables']:
        t['routes'] = [{'destinationCidrBlock': '10.0.0.0/16', 'gatewayId': 'local', 'state': 'active', 'origin': 'CreateRouteTable'}]
        for cidr in r.sample(['0.0.0.0/0', '203.0.113.0/24', '198.18.0.0/15', '203.0.113.7/32'], r.randint(0, 3)):
            t['routes'].append(r.choice([{'gatewayId': IGW, 'state': 'active'}, {'gatewayId': IGW, 'state': 'active'}, {'gatewayId': 'igw-0000000000000dead', 'state': 'blackhole'},
                                         {'natGatewayId': 'nat-00000000000000001', 'state': 'active'}]) | {'destinationCidrBlock': cidr, 'origin': 'CreateRoute'})
    if r.random() < 0.1: w['internet_gateways'][0]['vpc'] = ''
    if r.random() < 0.1: w['public_block'] = {'mode': r.choice(['off', 'block-ingress', 'block-bidirectional'])}
    return w

# ---- the other reading

def inside(cidr, ip): return ipaddress.ip_address(ip) in ipaddress.ip_network(cidr)

def acl_lets(w, subnet, egress, ip, ports):
    acl = next(a for a in w['network_acls'] if subnet in a['subnets'])
    rules = sorted((e for e in acl['entries'] if e.get('egress', False) == egress), key=lambda e: e['number'])
    def one(port):
        for e in rules:
            if e.get('protocol', '-1') not in ('-1', '6') or not inside(e['cidr'], ip): continue
            if 'from' in e and not e['from'] <= port <= e['to']: continue
            return e['action'] == 'allow'
        return False
    return all(one(p) for p in ports)

def groups_let(w, groups, side, ip, port, peer_groups):
    for g in w['security_groups']:
        if g['id'] not in groups: continue
        for rule in g[side]:
            if rule['protocol'] not in ('-1', 'tcp') or ('from' in rule and not rule['from'] <= port <= rule['to']): continue
            if ('cidr' in rule and inside(rule['cidr'], ip)) or rule.get('group') in peer_groups: return True
    return False

def route(w, subnet, ip):
    own = [t for t in w['route_tables'] if any(a.get('subnetId') == subnet for a in t['associations'])]
    table = own[0] if own else next(t for t in w['route_tables'] if any(a.get('main') for a in t['associations']))
    fits = [x for x in table['routes'] if inside(x['destinationCidrBlock'], ip)]
    return max(fits, key=lambda x: int(x['destinationCidrBlock'].split('/')[1])) if fits else None

# Ports of its own that a client takes: where the answer of a rule may change, and both sides of that.
OWN = sorted({p for a, b in PORTS for p in (a - 1, a, b, b + 1) if 32768 <= p <= 65535} | {32768, 65535})

def verdict(w, sender):
    target = w['instances'][0]
    subnet, groups = target['subnet'], target['groups']
    known = {i['private_ip']: i for i in w['instances']}
    if sender in known:
        s = known[sender]
        near = s['subnet'] == subnet
        return (groups_let(w, s['groups'], 'egress', target['private_ip'], 22, groups) and groups_let(w, groups, 'ingress', sender, 22, s['groups']) and
                (near or (acl_lets(w, s['subnet'], True, target['private_ip'], [22]) and acl_lets(w, subnet, False, sender, [22]) and acl_lets(w, subnet, True, sender, OWN) and acl_lets(w, s['subnet'], False, target['private_ip'], OWN))))
    x = route(w, subnet, sender)
    return (w['internet_gateways'][0]['vpc'] == V and not w.get('public_block', {}).get('mode', 'off').startswith('block') and acl_lets(w, subnet, False, sender, [22]) and groups_let(w, groups, 'ingress', sender, 22, ()) and
            acl_lets(w, subnet, True, sender, OWN) and x is not None and x['state'] == 'active' and x.get('gatewayId') == IGW)

def made_up(r, base):
    wrong, w = [], world_of(r, base)
    with Cloud(w) as cloud:
        for sender in r.sample(SENDERS, 3):
            before = cloud.truth()
            run = cloud.run('net', sid('i', 1), '--from', sender, '--no-volume', '--json')
            answer = json.loads(run.stdout)
            want = 'open' if verdict(w, sender) else 'closed'
            if answer['verdict'] != want or run.returncode != (want != 'open'): wrong.append('from %s: %s, not %s: %s\n%s' % (sender, answer['verdict'], want, answer['text'], json.dumps(w)))
            stops = [h for h in answer['hops'] if h['standing'] == 'stops']
            if want == 'open' or not all('command' in h for h in stops): continue
            state = cloud.dir + '/' + sender
            run = cloud.run('net', sid('i', 1), '--from', sender, '--no-volume', '--fix-cloud', '--yes', '--state-dir', state)
            if run.returncode: wrong.append('from %s: --fix-cloud does not open it: %s\n%s' % (sender, (run.stdout + run.stderr)[-1500:], json.dumps(w)))
            if cloud.run('undo', sid('i', 1), '--state-dir', state).returncode or cloud.truth() != before: wrong.append('from %s: undo left something\n%s' % (sender, json.dumps(w)))
    return wrong

def enlarge(world):
    """200 groups, 50 route tables, 100 entries of an ACL."""
    w = copy.deepcopy(world)
    w['security_groups'] += [{'id': 'sg-%017x' % (0x100 + n), 'name': 'g%d' % n, 'vpc': V, 'ingress': [{'protocol': 'tcp', 'from': 1000 + n, 'to': 1000 + n, 'cidr': '192.0.2.0/24'}], 'egress': []} for n in range(200)]
    w['route_tables'] += [{'id': 'rtb-%017x' % (0x100 + n), 'vpc': V, 'associations': [], 'routes': [{'destinationCidrBlock': '10.0.0.0/16', 'gatewayId': 'local', 'state': 'active'}]} for n in range(50)]
    w['network_acls'][0]['entries'] = [{'number': n + 1, 'action': 'deny', 'cidr': '192.0.2.%d/32' % n, 'egress': n % 2 == 1} for n in range(100)] + w['network_acls'][0]['entries']
    w['instances'][0]['groups'] = ['sg-%017x' % (0x100 + n) for n in range(5)] + [sid('sg', 1)]
    return w

def large(base):
    wrong = []
    with Cloud(enlarge(base)) as cloud:
        for ask in (['--from', '203.0.113.7'], ['--from', '10.0.3.40'], ['--role', 'nat'], ['--role', 'mtu']):
            cloud.ask('DELETE', 'calls')
            run = cloud.run('net', sid('i', 1), *ask)
            if run.returncode not in (0, 1): wrong.append('%s: exit %d: %s' % (ask, run.returncode, run.stderr[-300:]))
            if len(cloud.calls()) > 12: wrong.append('%s: %d calls: %s' % (ask, len(cloud.calls()), ' '.join(cloud.calls())))
            print('# %s: %d calls' % (' '.join(ask), len(cloud.calls())))
    return wrong

CHANGES = ('AuthorizeSecurityGroupIngress', 'CreateNetworkAclEntry')
KINDS = ({'kind': 'refused'}, {'kind': 'http5xx'}, {'kind': 'lost-after'}, {'kind': 'lost-before'}, {'kind': 'damaged'}, {'kind': 'refused', 'times': -1}, {'kind': 'lost-after', 'times': -1})

def failing(base):
    """Whatever fails: all changes are made, or none; and what was made goes home."""
    with open(HERE + '/paths/two-stops/cloud.json') as f: w = merge(base, json.load(f))
    wrong, count = [], 0
    for action, nth in ((CHANGES[0], 1), (CHANGES[1], 1), (CHANGES[1], 2)):
        for kind in KINDS:
            with Cloud(w) as cloud:
                before, state, count = cloud.truth(), cloud.dir + '/state', count + 1
                cloud.ask('POST', 'faults', dict(kind, action=action, nth=nth))
                run = cloud.run('net', sid('i', 1), '--from', '203.0.113.7', '--no-volume', '--fix-cloud', '--yes', '--state-dir', state)
                cloud.ask('DELETE', 'faults')
                what = '%s %d %s (exit %d)' % (action, nth, kind, run.returncode)
                if run.returncode == 18:  # something is away: resume brings it home
                    if cloud.run('resume', '--state-dir', state).returncode: wrong.append(what + ': resume fails')
                elif run.returncode == 0:
                    if cloud.run('undo', sid('i', 1), '--state-dir', state).returncode: wrong.append(what + ': undo fails')
                if cloud.truth() != before: wrong.append(what + ': something is left: ' + (run.stdout + run.stderr)[-500:])
    return wrong, count

def killed(base):
    """kill -9 at each change: resume brings home what was begun."""
    with open(HERE + '/paths/two-stops/cloud.json') as f: w = merge(base, json.load(f))
    wrong = []
    for action, nth in ((CHANGES[0], 1), (CHANGES[1], 1), (CHANGES[1], 2)):
        for kind in ('lost-after', 'lost-before'):
            with Cloud(w) as cloud:
                before, state = cloud.truth(), cloud.dir + '/state'
                process = subprocess.Popen([TOOL, 'net', sid('i', 1), '--from', '203.0.113.7', '--no-volume', '--fix-cloud', '--yes', '--state-dir', state], env=cloud.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                os.kill(process.pid, signal.SIGSTOP)
                cloud.ask('POST', 'faults', {'action': action, 'nth': nth, 'kind': kind, 'kill_pid': process.pid})
                os.kill(process.pid, signal.SIGCONT)
                if process.wait(20) != -signal.SIGKILL: wrong.append('%s %d %s: was not killed' % (action, nth, kind))
                run = cloud.run('resume', '--state-dir', state)
                if run.returncode or cloud.truth() != before: wrong.append('%s %d %s: resume (%d): %s' % (action, nth, kind, run.returncode, run.stderr[-300:]))
    return wrong

def first(base):
    """A rescue asks the network before it stops anything."""
    wrong, w = [], copy.deepcopy(base)
    w['security_groups'][0]['ingress'] = []
    target = sid('i', 1)
    def rescue(cloud, *options, instances=(target,)):
        cloud.ask('DELETE', 'calls')
        run = cloud.run('--dry-run', '--via', 'snapshot', '--state-dir', cloud.dir + '/state', *options, *instances)
        return run, cloud.ask('GET', 'calls')
    with Cloud(w) as cloud:
        run = cloud.run('--yes', '--via', 'snapshot', '--state-dir', cloud.dir + '/state', '--from', '203.0.113.7', target)
        if run.returncode != 25 or 'allow tcp 22 from 203.0.113.7/32 in security group' not in run.stderr: wrong.append('a closed group: exit %d: %s' % (run.returncode, run.stderr[-500:]))
        changed = [c['action'] for c in cloud.ask('GET', 'calls') if not c['action'].startswith(('Describe', 'Get', 'List')) and 'DryRun' not in c['params'] and c['result'] == 'ok']
        if changed: wrong.append('changed: %s' % changed)
        run, _ = rescue(cloud, '--from', '203.0.113.7', '--ssh-port', '443')
        if run.returncode != 25 or 'tcp 443' not in run.stderr: wrong.append('--ssh-port: %d %s' % (run.returncode, run.stderr[-300:]))
        run, calls = rescue(cloud, '--from', '203.0.113.7', '--no-net')
        if run.returncode == 25 or [c for c in calls if c['action'] == 'DescribeNetworkAcls']: wrong.append('--no-net asks: %d' % run.returncode)
        run, _ = rescue(cloud)  # of the address of this machine nothing is known here
        if run.returncode == 25: wrong.append('it is refused for an address that is not known')
        cloud.ask('POST', 'world', {'checkip': '203.0.113.9'})
        run, _ = rescue(cloud)
        if run.returncode != 25 or 'from 203.0.113.9' not in run.stderr: wrong.append('its own address: %d %s' % (run.returncode, run.stderr[-300:]))
        one = len(rescue(cloud, '--from', '203.0.113.7')[1])
        cloud.ask('POST', 'world', {'credentials': [{'access_key_id': 'AKIATEST', 'secret_access_key': 'secret', 'policy': ['ec2:*', 'ebs:*', 'sts:*', '!ec2:DescribeSecurityGroups']}]})
        run, _ = rescue(cloud)
        if run.returncode == 25 or 'cannot be told' not in run.stdout + run.stderr: wrong.append('what cannot be told stands in the way: %d %s' % (run.returncode, (run.stdout + run.stderr)[-500:]))
    with Cloud(base) as cloud:
        run, calls = rescue(cloud, '--from', '203.0.113.7')
        if run.returncode or 'tcp 22 from 203.0.113.7 gets through' not in run.stdout + run.stderr: wrong.append('an open path: %d %s' % (run.returncode, (run.stdout + run.stderr)[-500:]))
        more = rescue(cloud, '--from', '203.0.113.7', instances=[sid('i', n) for n in (1, 2, 3, 4)])[1]
        for action in ('DescribeRouteTables', 'DescribeNetworkAcls', 'DescribeInternetGateways', 'DescribeVpcBlockPublicAccessOptions'):
            if [c['action'] for c in more].count(action) != 1: wrong.append('%s: not once for four instances' % action)
    return wrong

BLIND = ('paths/host-healthy', 'paths/host-firewall-drops', 'paths/two-stops', 'paths/gateway-endpoints', 'nat/volume-absent-interface', 'nat/volume-right', 'mtu/jumbo-and-denied', 'mtu/volume-too-small')

def blind(share):
    """Whatever cannot be seen: the answer is the same, or an error, or that it cannot be told, or it names its limits; it is never the contrary."""
    wrong, count = [], 0
    for folder in BLIND:
        ask = open(HERE + '/' + folder + '/ask').read().split()
        with tempfile.TemporaryDirectory() as scratch, Cloud(world_of_case(HERE + '/' + folder, scratch)) as cloud:
            cloud.ask('DELETE', 'calls')
            truth = cloud.run('net', *ask, '--json').returncode
            for action in sorted(set(cloud.calls())):
                for kind in ('refused', 'damaged'):
                    count += 1
                    if count % share: continue
                    cloud.ask('POST', 'faults', {'action': action, 'kind': kind, 'times': -1})
                    run = cloud.run('net', *ask, '--json')
                    cloud.ask('DELETE', 'faults')
                    what = '%s, %s %s: exit %d, not %d: %s' % (folder, action, kind, run.returncode, truth, (run.stdout + run.stderr)[-700:])
                    if run.returncode < 0 or 'Sanitizer' in run.stderr or not run.stdout + run.stderr: wrong.append(what)
                    text = json.loads(run.stdout)['text'] if run.returncode in (0, 1) else ''
                    is_limited = run.returncode == 0 and ('as far as is seen' in text or 'the cloud lets' in text)
                    if text and run.returncode != truth and not is_limited: wrong.append(what)
    return wrong, count // share

def form(command):
    """The command without what it names, so that one of each kind is tried."""
    return re.sub(r'-[0-9a-f]{17}\b|[0-9a-f]*[.:][0-9a-f.:]*/\d+|(?<==)\d+|(?<=rule-number )\d+', 'X', command)

def told():
    """What an operator is told to type, typed: the AWS CLI opens the path as --fix-cloud does."""
    wrong, forms = [], set()
    def network(cloud): return re.sub(r'"attach_time": [0-9.]*', '', cloud.truth())
    for folder in sorted(os.path.dirname(p) for p in glob.glob(HERE + '/*/*/expect')):
        with open(folder + '/expect') as f: shown = re.findall(r' (aws ec2 .*)$', f.read(), re.M)
        together = tuple(sorted({form(c) for c in shown}))
        if not shown or together in forms: continue
        ask, after = open(folder + '/ask').read().split() + ['--region', 'us-east-1'], []
        with tempfile.TemporaryDirectory() as scratch:
            world = world_of_case(folder, scratch)
            with Cloud(world) as cloud:
                stops = [hop for hop in json.loads(cloud.run('net', *ask, '--json').stdout)['hops'] if hop['standing'] == 'stops']
                if not all('command' in hop for hop in stops): continue
                forms.add(together)
                for command in [hop['command'] for hop in stops]:
                    run = subprocess.run(['sh', '-c', command], env=dict({k: v for k, v in cloud.env.items() if k != 'AWS_REGION'}, HOME=scratch), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
                    if re.search(r'[^\w =,.:/-]', re.sub(r"'[^']*'", '', command)): wrong.append('%s: means something to a shell' % command)
                    if run.returncode or command.removesuffix(' --region us-east-1') not in shown: wrong.append('%s: %s: %s' % (folder, command, run.stderr[-500:]))
                after.append(network(cloud))
            with Cloud(world) as cloud:
                cloud.run('net', *ask, '--fix-cloud', '--yes', '--state-dir', cloud.dir + '/state')
                after.append(network(cloud))
        if after[0] != after[1]:
            at = len(os.path.commonprefix(after))
            wrong.append('%s: typed: …%s\nby --fix-cloud: …%s' % (folder, after[0][max(at - 200, 0):at + 200], after[1][max(at - 200, 0):at + 200]))
    return wrong, len({c for together in forms for c in together})

def terminal(base):
    """On a terminal nothing is drawn over the answer."""
    w = copy.deepcopy(base)
    w['security_groups'][0]['ingress'] = []
    wrong = []
    with Cloud(w) as cloud:
        ours, theirs = pty.openpty()
        process = subprocess.Popen([TOOL, 'net', sid('i', 1), '--from', '203.0.113.7'], env=dict(cloud.env, TERM='xterm'), stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        said = b''
        while True:
            try: part = os.read(ours, 65536)
            except OSError: break
            if not part: break
            said += part
        os.close(ours)
        if process.wait() != 1: wrong.append('exit %d' % process.returncode)
        head, _, tail = said.rpartition(b'closed: ')
        if not head or b'\x1b[J' in tail or b'\x1b[1A' in tail: wrong.append('%r' % said[-300:])
        if b'\x1b[31m' not in head: wrong.append('the stop is not shown in red')
    return wrong

def main():
    seed, count = int(sys.argv[1]) if sys.argv[1:] else 1, int(sys.argv[2]) if sys.argv[2:] else 40
    with open(HERE + '/base.json') as f: base = json.load(f)
    n = 0
    def tell(text, wrong):
        nonlocal n
        n += 1
        print('%s %d - %s' % ('not ok' if wrong else 'ok', n, text))
        for w in wrong[:3]:
            for line in w.splitlines(): print('#   ' + line[:2000])
        sys.stdout.flush()
    wrong = []
    for k in range(count): wrong += made_up(random.Random('%d/%d' % (seed, k)), base)
    tell('%d networks from seed %d, three senders each: as another reading has it; each change opens what it promises and goes home' % (count, seed), wrong)
    tell('a VPC with 200 groups, 50 route tables and 100 ACL entries takes 12 calls at most', large(base))
    wrong, situations = failing(base)
    tell('%d failures of a change: all are made or none, and home' % situations, wrong)
    tell('kill -9 at each change: resume brings home what was begun', killed(base))
    tell('a rescue asks the network first, and stops nothing where it is to blame', first(base))
    wrong, situations = blind(3 if BUILD.endswith('-asan') else 1)
    tell('%d times something that is not seen: the answer is never the contrary' % situations, wrong)
    tell('on a terminal the answer stays', terminal(base))
    if not BUILD.endswith('-asan'):  # what is typed does not depend on it
        wrong, forms = told() if shutil.which('aws') else ([], 0)
        tell('%d forms of commands that are shown, typed: they do what --fix-cloud does' % forms if forms else 'commands that are shown # SKIP aws is not installed', wrong)
    print('1..%d' % n)

if __name__ == '__main__': main()
