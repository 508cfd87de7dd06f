# SPDX-License-Identifier: GPL-2.0-or-later
"""A small EC2 server that shares nothing with ec2-sim: what somebody else would write in an afternoon. Everything
happens at once, signatures are not read, and each way in which such servers fall short of EC2 is a member of KNOBS.
    with Server(image, dir, **knobs) as server: ...            standalone: foreign.py IMAGE DIR [KNOB=JSON...]"""
import base64, json, os, random, shutil, socket, subprocess, sys, threading, time, urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

KNOBS = {
    'digits': 17,          # of ids: 8 or 17
    'no': (),              # actions that are not known
    'how': 'InvalidAction',  # what an unknown action is answered with: see UNKNOWN
    'omit': (),            # elements that are left out of every reply
    'empty': (),           # elements that are there and empty
    'style': 'plain',      # of the XML: plain pretty shuffled prefixed no-xmlns other-xmlns bom loud
    'http': '1.1',         # 1.0: every connection is closed after its reply, which has no length then; closing: unannounced; single: one thread
    'filters': 'honoured', # ignored, unknown (an error), nothing (each matches nothing), only-tags
    'ids': 'honoured',     # InstanceId.N and the like; ignored: everything is listed
    'dry_run': 'honoured', # ignored (executed!), refused (an error), looks (honoured by Describe* alone)
    'tags_show': True,     # in Describe*
    'tagged': 'all',       # instances: CreateTags refuses other ids
    'delay': 0,            # seconds for states to change
    'dot': 'lost',         # DeleteOnTermination of an attachment that is made again: lost, kept
    'device': 'nvme',      # dash, suffix, id, upper: names of the device; copy: a plain file instead of a link
    'device_early': False, # it is there before AttachVolume
    'device_delay': 0,
    'forced_detach': True, # DetachVolume of a running instance's root is executed, too
    'sshd': True,
    'address': 'private',  # both, none, text (no address, but a word)
    'status': 'ok',        # initializing, none (no items)
    'dot_was': True,
    'more_volumes': 0,     # data volumes of the patient
    'state': 'running',
    'root': '/dev/sda1',
    'lose': (),            # actions whose first reply is lost after the effect
    'path': '/',           # of the endpoint
    'unknown_id': 'refused',  # crash: the connection is closed
    'tag_specification': True,
}
PARTITION_AT = 2048 * 512
XMLNS = 'http://ec2.amazonaws.com/doc/2016-11-15/'

def error_xml(code, message): return '<?xml version="1.0"?><Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r</RequestID></Response>' % (code, message)
UNKNOWN = {  # status, content type, body
    'InvalidAction': (400, 'text/xml', error_xml('InvalidAction', 'The action {} is not valid for this web service.')),
    'UnknownOperation': (400, 'text/xml', error_xml('UnknownOperation', '{}?')),
    'NotImplemented': (501, 'text/xml', error_xml('NotImplemented', '{} has not been implemented')),
    'InternalFailure': (501, 'text/xml', error_xml('InternalFailure', "API action '{}' for service 'ec2' not yet implemented or pro feature")),
    'element': (404, 'text/xml', '<UnknownOperationException/>'),
    'json': (400, 'application/x-amz-json-1.1', '{{"__type": "UnknownOperationException", "message": "{}"}}'),
    'html404': (404, 'text/html', '<!doctype html>\n<html lang=en><title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>{}: the URL was not found.</p>'),
    'html405': (405, 'text/html', '<html><h1>Method Not Allowed</h1></html>'),
    'html500': (500, 'text/html', '<!doctype html><title>500 Internal Server Error</title><h1>Internal Server Error</h1>NotImplementedError: {}'),
    'text400': (400, 'text/plain', 'unsupported action {}'),
    'empty400': (400, 'text/plain', ''),
    'empty501': (501, 'text/plain', ''),
}

class Refused(Exception):
    def __init__(self, code, message, status=400): super().__init__(message); self.code, self.status = code, status

def yes(value): return 'true' if value else 'false'

class Volume:
    def __init__(self, id, path, size=1): self.id, self.path, self.size, self.tags, self.at = id, path, size, {}, None  # at: [instance, device, status, dot]
    @property
    def status(self): return 'in-use' if self.at else 'available'

class Instance:
    def __init__(self, id, state, address): self.id, self.state, self.address, self.tags, self.answers = id, state, address, {}, False

CODES = {'pending': 0, 'running': 16, 'shutting-down': 32, 'terminated': 48, 'stopping': 64, 'stopped': 80}

class Server:
    def __init__(self, image, dir, seed=0, **knobs):
        unknown = set(knobs) - set(KNOBS)
        assert not unknown, unknown
        self.k = type('Knobs', (), dict(KNOBS, **knobs))
        self.chance, self.lock = random.Random(seed), threading.RLock()
        self.dir, self.devices, self.calls, self.snapshots = dir, dir + '/dev', [], []
        os.makedirs(self.devices)
        net, low = os.getpid() % 240 + 5, self.chance.randrange(1, 1 << 14)
        hexid = lambda prefix, n: prefix + '%0*x' % (self.k.digits, n)
        self.hexid, self.next = hexid, 0xc0
        self.helper = Instance(hexid('i-', 0xfe1), 'running', '127.%d.0.1' % net)
        self.patient = Instance(hexid('i-', 0xa01), self.k.state, '127.%d.%d.%d' % (net, low >> 8, low & 255))
        self.other = Instance(hexid('i-', 0xb17), 'stopped', '127.%d.0.2' % net)  # what an ignored filter shows as well
        path = dir + '/root.img'
        subprocess.run(['cp', '--sparse=always', '--reflink=auto', image, path], check=True)
        self.root = Volume(hexid('vol-', 0xb01), path)
        self.root.at = [self.patient.id, self.k.root, 'attached', self.k.dot_was]
        own = Volume(hexid('vol-', 0xfe2), '/nonexistent'); own.at = [self.helper.id, '/dev/sda1', 'attached', True]
        self.volumes = [own, self.root]
        for n in range(self.k.more_volumes):
            v = Volume(hexid('vol-', 0xd00 + n), '/nonexistent'); v.at = [self.patient.id, '/dev/sd%c' % (ord('f') + n), 'attached', False]
            self.volumes.insert(0, v)
        self.lose = list(self.k.lose)
        old = Volume(hexid('snap-', 0xbf), self.root.id)  # of a rescue long ago
        old.tags = {'ec2-rescue-run': 'r20240101-000000-abcdef'}
        self.snapshots.append(old)
        self.instances = [self.other, self.helper, self.patient]
        if self.k.device_early: self.show_device()
        self.sshd = socket.socket(); self.sshd.bind((self.patient.address, 0)); self.sshd.listen(8)
        self.port = self.sshd.getsockname()[1]
        server = self
        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1' if self.k.http in ('1.1', 'closing') else 'HTTP/1.0'
            server_version, sys_version = 'stranger/0.1', ''
            def log_message(self, *_): pass
            def do_POST(self):
                form = self.rfile.read(int(self.headers.get('content-length') or 0)).decode()
                if self.path != server.k.path: self.send_error(404); return
                status, kind, body = server.answer(dict(urllib.parse.parse_qsl(form, keep_blank_values=True)))
                if status == 'lost': self.close_connection = True; return
                body = body.encode()
                self.send_response(status)
                self.send_header('Content-Type', kind)
                if self.protocol_version != 'HTTP/1.0': self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if server.k.http == 'closing': self.close_connection = True
            def do_GET(self): self.send_error(404)
            do_PUT = do_GET
        class Http(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 64
            def handle_error(self, *_): pass
        class Single(HTTPServer): request_queue_size, handle_error = 64, Http.handle_error
        self.http = (Single if self.k.http == 'single' else Http)(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%d%s' % (self.http.server_port, self.k.path.rstrip('/'))
        self.greeter = threading.Thread(target=self.greet, daemon=True)
        for thread in (threading.Thread(target=self.http.serve_forever, daemon=True), self.greeter): thread.start()
    def __enter__(self): return self
    def __exit__(self, *_):
        self.http.shutdown(); self.http.server_close()
        # The greeter is gone before its descriptor is free: the next server's socket may get the number, and be greeted for.
        self.sshd.shutdown(socket.SHUT_RDWR); self.greeter.join(); self.sshd.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- the instance's inside ----
    def greet(self):
        while True:
            try: peer, _ = self.sshd.accept()
            except OSError: return
            with peer:
                try:
                    if self.k.sshd and self.patient.state == 'running' and self.patient.answers: peer.sendall(b'SSH-2.0-OpenSSH_7.4\r\n')
                except OSError: pass
    def cat(self, path):
        return subprocess.run(['debugfs', '-R', 'cat ' + path, '%s?offset=%d' % (self.root.path, PARTITION_AT)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=dict(os.environ, PATH=os.environ['PATH'] + ':/sbin:/usr/sbin')).stdout
    def boots(self):
        """Does the volume come up? Its fstab must not wait for what is not there, and sshd must take its configuration."""
        lines = [line.split() for line in self.cat('/etc/fstab').splitlines() if line.strip() and not line.startswith('#')]
        sshd = self.cat('/etc/ssh/sshd_config').splitlines()
        return bool(lines) and bool(sshd) and not any(line.startswith('UsePAMM') for line in sshd) and \
            not any('deadbeef' in line[0] and not {'nofail', 'noauto'} & set(line[3].split(',')) for line in lines)
    def device_name(self):
        id = self.root.id
        return {'nvme': 'nvme-Amazon_Elastic_Block_Store_' + id.replace('-', ''), 'dash': 'nvme-Amazon_Elastic_Block_Store_' + id,
                'suffix': 'nvme-Amazon_Elastic_Block_Store_%s_1' % id.replace('-', ''), 'id': id, 'copy': 'nvme-Amazon_Elastic_Block_Store_' + id.replace('-', ''),
                'around': 'virtio-%s.disk' % id.replace('-', '')}[self.k.device]
    def show_device(self):
        path = self.devices + '/' + self.device_name()
        if os.path.lexists(path): return
        if self.k.device == 'copy': os.link(self.root.path, path)
        else: os.symlink(self.root.path, path)
        if self.k.device == 'suffix': os.symlink(self.root.path, path[:-2]); os.symlink(self.root.path, path[:-2] + '-part1')
    def hide_device(self):
        if self.k.device_early: return
        for name in os.listdir(self.devices): os.unlink(self.devices + '/' + name)

    # ---- time ----
    def later(self, seconds, what):
        def locked():
            with self.lock: what()
        if not seconds: what(); return
        timer = threading.Timer(seconds, locked)
        timer.daemon = True
        timer.start()

    # ---- requests ----
    def answer(self, form):
        action = form.get('Action', '')
        with self.lock:
            handler = None if action in self.k.no else getattr(self, 'do_' + action, None)
            executes = not action.startswith(('Describe', 'Get'))
            call = {'action': action, 'form': form, 'executed': False}
            self.calls.append(call)
            if not handler:
                status, kind, body = UNKNOWN[self.k.how]
                return status, kind, body.format(action) if '{' in body else body
            try:
                if form.get('DryRun') == 'true':
                    if self.k.dry_run == 'refused': raise Refused('InvalidParameter', 'DryRun')
                    if self.k.dry_run == 'honoured' or (self.k.dry_run == 'looks' and not executes): raise Refused('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
                body = handler(form)
                call['executed'] = executes
                if action in self.lose: self.lose.remove(action); return 'lost', '', ''
                return 200, 'text/xml;charset=UTF-8', self.render(action + 'Response', [('requestId', 'none')] + body)
            except KeyError: return 'lost', '', ''
            except Refused as e: return e.status, 'text/xml', error_xml(e.code, e)
    def list(self, form, name):
        out = []
        while '%s.%d' % (name, len(out) + 1) in form: out.append(form['%s.%d' % (name, len(out) + 1)])
        return out
    def wanted(self, form, items, id_name, show, unknown):
        """What the ids and filters of a request select."""
        ids = self.list(form, id_name)
        if ids and self.k.ids == 'honoured':
            missing = [id for id in ids if id not in [i.id for i in items]]
            if missing: raise Refused(unknown, 'The ID %s does not exist' % ', '.join("'%s'" % m for m in missing))
            items = [i for i in items if i.id in ids]
        n = 1
        while 'Filter.%d.Name' % n in form:
            name, values = form['Filter.%d.Name' % n], self.list(form, 'Filter.%d.Value' % n)
            n += 1
            if self.k.filters == 'unknown': raise Refused('InvalidParameterValue', "The filter '%s' is invalid" % name)
            if self.k.filters == 'ignored' or (self.k.filters == 'only-tags' and not name.startswith('tag')): continue
            items = [i for i in items if self.k.filters != 'nothing' and self.matches(i, name, values)]
        return [show(i) for i in items]
    def matches(self, item, name, values):
        if name in ('instance-id', 'volume-id', 'snapshot-id'): return item.id in values
        if name == 'attachment.instance-id': return item.at and item.at[0] in values
        if name == 'tag-key': return any(key in item.tags for key in values)
        if name.startswith('tag:'): return item.tags.get(name[4:]) in values
        return True  # types, networks: there is one of each
    def find(self, items, id, code):
        for i in items:
            if i.id == id: return i
        if self.k.unknown_id == 'crash': raise KeyError(id)
        raise Refused(code, "The ID '%s' does not exist" % id)

    # ---- what is shown ----
    def tag_set(self, item): return [('tagSet', [('item', [('key', k), ('value', v)]) for k, v in item.tags.items()])] if self.k.tags_show else []
    def show_instance(self, i):
        attached = sorted((v for v in self.volumes if v.at and v.at[0] == i.id), key=lambda v: v.at[1])
        mapping = [('item', [('deviceName', v.at[1]), ('ebs', [('volumeId', v.id), ('status', v.at[2]), ('attachTime', '2024-01-01T00:00:00.000Z'), ('deleteOnTermination', yes(v.at[3]))])]) for v in attached]
        address = {'private': [('privateIpAddress', i.address), ('ipAddress', '')], 'both': [('privateIpAddress', '10.255.255.1'), ('ipAddress', i.address)],
                   'text': [('privateIpAddress', 'None'), ('ipAddress', 'None')], 'none': []}[self.k.address]
        return ('item', [('reservationId', self.hexid('r-', 1)), ('ownerId', '123456789012'), ('instancesSet', [('item', [
            ('instanceId', i.id), ('imageId', self.hexid('ami-', 7)), ('instanceState', [('code', str(CODES[i.state])), ('name', i.state)]), ('instanceType', 'm1.small'),
            ('launchTime', '2024-01-01T00:00:00.000Z'), ('placement', [('availabilityZone', 'local-1a'), ('tenancy', 'default')]), ('kernelId', ''),
            ('subnetId', self.hexid('subnet-', 3)), ('vpcId', self.hexid('vpc-', 4)), *address, ('rootDeviceType', 'ebs'), ('rootDeviceName', self.k.root), ('blockDeviceMapping', mapping),
            ('networkInterfaceSet', [('item', [('networkInterfaceId', self.hexid('eni-', 5)), ('subnetId', self.hexid('subnet-', 3)), ('vpcId', self.hexid('vpc-', 4)),
                                               ('macAddress', '02:00:00:00:00:01'), ('privateIpAddress', i.address), ('attachment', [('deviceIndex', '0')])])]),
            *self.tag_set(i)])])])
    def attachment(self, v): return [('volumeId', v.id), ('instanceId', v.at[0]), ('device', v.at[1]), ('status', v.at[2]), ('attachTime', '2024-01-01T00:00:00.000Z'), ('deleteOnTermination', yes(v.at[3]))]
    def show_volume(self, v):
        return ('item', [('volumeId', v.id), ('size', str(v.size)), ('snapshotId', ''), ('availabilityZone', 'local-1a'), ('status', v.status), ('volumeType', 'standard'), ('encrypted', 'false'),
                         ('attachmentSet', [('item', self.attachment(v))] if v.at else []), *self.tag_set(v)])
    def show_snapshot(self, s): return ('item', [('snapshotId', s.id), ('volumeId', s.path), ('status', 'completed'), ('progress', '100%'), *self.tag_set(s)])

    # ---- the actions ----
    def do_DescribeInstances(self, form): return [('reservationSet', self.wanted(form, self.instances, 'InstanceId', self.show_instance, 'InvalidInstanceID.NotFound'))]
    def do_DescribeVolumes(self, form): return [('volumeSet', self.wanted(form, self.volumes, 'VolumeId', self.show_volume, 'InvalidVolume.NotFound'))]
    def do_DescribeSnapshots(self, form): return [('snapshotSet', self.wanted(form, self.snapshots, 'SnapshotId', self.show_snapshot, 'InvalidSnapshot.NotFound'))]
    def do_DescribeInstanceStatus(self, form):
        show = lambda i: ('item', [('instanceId', i.id), ('instanceState', [('name', i.state)]), ('systemStatus', [('status', self.k.status)]), ('instanceStatus', [('status', self.k.status)])])
        return [('instanceStatusSet', [] if self.k.status == 'none' else self.wanted(form, self.instances, 'InstanceId', show, 'InvalidInstanceID.NotFound'))]
    def do_DescribeInstanceTypes(self, form): return [('instanceTypeSet', [('item', [('instanceType', 'm1.small'), ('hypervisor', 'xen'), ('instanceStorageSupported', 'false')])])]
    def do_DescribeSubnets(self, form): return [('subnetSet', [('item', [('subnetId', self.hexid('subnet-', 3)), ('vpcId', self.hexid('vpc-', 4)), ('cidrBlock', '127.0.0.0/8')])])]
    def do_DescribeVpcs(self, form): return [('vpcSet', [('item', [('vpcId', self.hexid('vpc-', 4)), ('cidrBlock', '127.0.0.0/8')])])]
    def do_DescribeAutoScalingInstances(self, form): return [('DescribeAutoScalingInstancesResult', [('AutoScalingInstances', [])])]
    def do_DescribeInstanceAttribute(self, form):
        return [('instanceId', form['InstanceId']), (form['Attribute'], [('value', 'stop' if form['Attribute'] == 'instanceInitiatedShutdownBehavior' else 'false')])]
    def do_GetConsoleOutput(self, form): return [('instanceId', form['InstanceId']), ('output', base64.b64encode(b'Linux version 4.14\r\nlogin: ').decode())]
    def tag(self, form, change):
        keys = [(form['Tag.%d.Key' % n], form.get('Tag.%d.Value' % n)) for n in range(1, 51) if 'Tag.%d.Key' % n in form]
        for id in self.list(form, 'ResourceId'):
            known = self.instances if self.k.tagged == 'instances' else self.instances + self.volumes + self.snapshots
            item = self.find(known, id, 'InvalidID')
            for key, value in keys: change(item.tags, key, value)
        return [('return', 'true')]
    def do_CreateTags(self, form): return self.tag(form, lambda tags, key, value: tags.update({key: value or ''}))
    def do_DeleteTags(self, form): return self.tag(form, lambda tags, key, value: tags.pop(key, None) if value is None or tags.get(key) == value else None)
    def power(self, form, through, to):
        out = []
        for id in self.list(form, 'InstanceId'):
            i = self.find(self.instances, id, 'InvalidInstanceID.NotFound')
            before = i.state
            if i.state != to:
                if to == 'running' and not any(v.at and v.at[:2] == [i.id, self.k.root] for v in self.volumes): raise Refused('IncorrectInstanceState', 'no root volume')
                i.state, i.answers = through, False
                self.later(self.k.delay, lambda: self.arrive(i, to))
            out.append(('item', [('instanceId', id), ('currentState', [('code', str(CODES[i.state])), ('name', i.state)]), ('previousState', [('code', str(CODES[before])), ('name', before)])]))
        return [('instancesSet', out)]
    def arrive(self, i, to):
        i.state = to
        if i is self.patient and to == 'running': i.answers = self.boots()
    def do_StopInstances(self, form): return self.power(form, 'stopping', 'stopped')
    def do_StartInstances(self, form): return self.power(form, 'pending', 'running')
    def do_AttachVolume(self, form):
        v, i = self.find(self.volumes, form['VolumeId'], 'InvalidVolume.NotFound'), self.find(self.instances, form['InstanceId'], 'InvalidInstanceID.NotFound')
        if v.at: raise Refused('VolumeInUse', '%s is already attached to an instance' % v.id)
        if any(o.at and o.at[:2] == [i.id, form['Device']] for o in self.volumes): raise Refused('InvalidParameterValue', 'Invalid value %s for unixDevice. Attachment point %s is already in use' % (form['Device'], form['Device']))
        v.at = [i.id, form['Device'], 'attaching' if self.k.delay else 'attached', self.k.dot_was if self.k.dot == 'kept' else False]
        self.later(self.k.delay, lambda: v.at and v.at.__setitem__(2, 'attached'))
        if i is self.helper: self.later(self.k.device_delay, self.show_device)
        return self.attachment(v)
    def do_DetachVolume(self, form):
        v = self.find(self.volumes, form['VolumeId'], 'InvalidVolume.NotFound')
        if not v.at: raise Refused('IncorrectState', "Volume '%s'is in the 'available' state." % v.id)
        i = self.find(self.instances, v.at[0], 'InvalidInstanceID.NotFound')
        if i.state == 'running' and v.at[1] == self.k.root and not self.k.forced_detach: raise Refused('IncorrectState', "Unable to detach root volume '%s' from instance '%s'" % (v.id, i.id))
        if i is self.helper: self.hide_device()
        v.at[2] = 'detaching' if self.k.delay else 'detached'
        shown = self.attachment(v)
        self.later(self.k.delay, lambda: setattr(v, 'at', None))
        return shown
    def do_CreateSnapshot(self, form):
        v = self.find(self.volumes, form['VolumeId'], 'InvalidVolume.NotFound')
        if not self.k.tag_specification and any(key.startswith('TagSpecification') for key in form): raise Refused('UnknownParameter', 'The parameter TagSpecification is not recognized')
        self.next += 1
        s = Volume(self.hexid('snap-', self.next), v.id)
        s.tags = {form['TagSpecification.1.Tag.%d.Key' % n]: form['TagSpecification.1.Tag.%d.Value' % n] for n in range(1, 10) if 'TagSpecification.1.Tag.%d.Key' % n in form}
        self.snapshots.append(s)
        return [('snapshotId', s.id), ('volumeId', v.id), ('status', 'completed'), ('startTime', '2024-01-01T00:00:00.000Z'), ('progress', '100%')]
    def do_ModifyInstanceAttribute(self, form):
        i = self.find(self.instances, form['InstanceId'], 'InvalidInstanceID.NotFound')
        for v in self.volumes:
            if v.at and v.at[:2] == [i.id, form.get('BlockDeviceMapping.1.DeviceName')]: v.at[3] = form['BlockDeviceMapping.1.Ebs.DeleteOnTermination'] == 'true'
        return [('return', 'true')]

    # ---- XML ----
    def render(self, name, body):
        style = self.k.style
        prefix = 'e:' if style == 'prefixed' else ''
        def draw(name, value, depth):
            if name in self.k.omit: return ''
            pad = '\r\n' + '    ' * depth if style == 'pretty' else ''
            if name in self.k.empty: return '%s<%s%s/>' % (pad, prefix, name)
            if isinstance(value, str):
                text = value.replace('&', '&amp;').replace('<', '&lt;')
                if style == 'loud' and value in ('true', 'false'): text = value.capitalize()
                if style == 'pretty' and text and not text.isdigit(): text = '<![CDATA[%s]]>' % value if '&' in text else text
                return '%s<%s%s>%s</%s%s>' % (pad, prefix, name, text, prefix, name)
            value = list(value)
            if style == 'shuffled' and not all(n == 'item' for n, _ in value): self.chance.shuffle(value)
            if style == 'pretty': value.append(('somethingNew', 'x'))
            return '%s<%s%s>%s%s</%s%s>' % (pad, prefix, name, ''.join(draw(n, v, depth + 1) for n, v in value), pad, prefix, name)
        text = draw(name, body, 0).strip()
        xmlns = {'no-xmlns': '', 'prefixed': ' xmlns:e="%s"' % XMLNS, 'other-xmlns': ' xmlns="http://ec2.example.com/doc/2013-02-01"'}.get(style, ' xmlns="%s"' % XMLNS)
        text = text.replace('<' + prefix + name, '<' + prefix + name + xmlns, 1)
        return {'bom': '\ufeff<?xml version="1.0" encoding="utf-8"?>', 'pretty': '<?xml version="1.0" ?>\r\n<!-- hand made -->\r\n', 'no-xmlns': ''}.get(style, '<?xml version="1.0" encoding="UTF-8"?>\n') + text

    # ---- judged by the test ----
    def done(self): return [c['action'] for c in self.calls if c['executed']]
    def not_home(self, dot=True):
        bad = []
        with self.lock:
            if self.patient.state != self.k.state: bad.append('the instance is %s' % self.patient.state)
            at = self.root.at
            if not at: bad.append('the volume is attached nowhere')
            elif at[:3] != [self.patient.id, self.k.root, 'attached']: bad.append('the volume is %s to %s as %s' % (at[2], at[0], at[1]))
            elif dot and at[3] != self.k.dot_was: bad.append('DeleteOnTermination is %s' % at[3])
            for item in (self.patient, self.root, self.helper):
                if item.tags.get('ec2-rescue'): bad.append('%s is tagged %s' % (item.id, item.tags))
            if self.helper.state != 'running' or self.root.at and self.root.at[0] == self.helper.id: bad.append('the helper is not as it was')
        return bad

def main():
    knobs = {k: json.loads(v) for k, v in (a.split('=', 1) for a in sys.argv[3:])}
    with Server(sys.argv[1], sys.argv[2], **knobs) as s:
        print('AWS_ENDPOINT_URL=%s ec2-rescue --helper %s --device-dir %s --ssh-port %d %s' % (s.url, s.helper.id, s.devices, s.port, s.patient.id), flush=True)
        try: sys.stdin.read()
        except KeyboardInterrupt: pass

if __name__ == '__main__': main()
