# SPDX-License-Identifier: GPL-2.0-or-later
"""A man in the middle: passes requests on to the embedded cloud (or answers them as a container agent and a single sign-on
portal do) and bends the answers that it is told to. What a bent answer names as another place leads to the trap."""
import http.client, json, re, socket, struct, threading, time

KEYS = {'AccessKeyId': 'AKIATEST', 'SecretAccessKey': 'secret', 'Token': '', 'Expiration': '2099-01-01T00:00:00Z', 'Code': 'Success'}
SSO = {'roleCredentials': {'accessKeyId': 'AKIATEST', 'secretAccessKey': 'secret', 'sessionToken': '', 'expiration': 4070908800000}}
RENEWED = {'accessToken': 'fresh', 'expiresIn': 3600, 'refreshToken': 'next', 'tokenType': 'Bearer'}
OWN = {'/creds': KEYS, '/federation/credentials': SSO, '/token': RENEWED}

class Answer:
    """What the real server said. `form` is xml, json or text."""
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        start = body.lstrip()[:1]
        self.form = 'xml' if start == b'<' else 'json' if start in (b'{', b'[') else 'text'
    def head(self, length=None, status=None, more=()):
        """The lines before the body; length False: none is told, so the end of the connection is the end of the body."""
        lines = ['HTTP/1.1 %s' % (status or '%d OK' % self.status)]
        lines += ['%s: %s' % h for h in self.headers if h[0].lower() not in ('content-length', 'connection', 'transfer-encoding')]
        if length is not False: lines.append('Content-Length: %s' % (len(self.body) if length is None else length))
        return '\r\n'.join([*lines, *more, 'Connection: close', '', '']).encode('utf-8', 'surrogateescape')

class Wire:
    """The connection to the program, as a bend writes to it. Ends quietly when the program hangs up."""
    def __init__(self, sock, middle): self.sock, self.middle, self.sent = sock, middle, 0
    def send(self, data): self.sock.sendall(data); self.sent += len(data)
    def hang(self, seconds=60):
        """Keeps silent until the program hangs up."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(4096): pass
        except OSError: pass
    def reset(self): self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); self.sock.close()

def read_request(stream):
    """Request line, header lines and body; None at the end of the connection."""
    line = stream.readline(65536)
    if not line.strip(): return None
    headers, length = [], 0
    while True:
        header = stream.readline(1 << 21)
        if header in (b'\r\n', b'\n', b''): break
        name, _, value = header.decode('latin-1').partition(':')
        headers.append((name, value.strip()))
        if name.lower() == 'content-length': length = int(value)
    method, path = line.decode('latin-1').split()[:2]
    return method, path, headers, stream.read(length)

def name_of(method, path, body):
    """What a call is called here: its action, with "?" for a DryRun; or method and path."""
    action = re.match(rb'Action=(\w+)', body)
    if not action: return '%s %s' % (method, path.split('?')[0])
    return action[1].decode() + ('?' if b'DryRun=true' in body else '')

class Middle:
    def __init__(self, upstream):
        self.host, self.port = re.match(r'http://([\d.]+):(\d+)', upstream).groups()
        self.lock = threading.Lock()
        self.trapped = []
        self.trap = 'http://127.0.0.1:%d' % self.serve(self.caught)
        self.url = 'http://127.0.0.1:%d' % self.serve(self.talk)
        self.rest()
    def rest(self):
        """Everything passes from now on, and counting begins again."""
        with self.lock: self.seen, self.plan, self.hits, self.shuffle = [], None, [], None
    def bend(self, name, nth, once, how, shuffle=None):
        """The nth answer to such a call is given by how(wire, answer); all from then on, unless once. shuffle(call) is how long
        one of the first answers that are not bent waits, in seconds: so others are still awaited when the bent one is read."""
        self.rest()
        with self.lock: self.plan, self.shuffle = (name, nth, once, how), shuffle
    def serve(self, handler):
        server = socket.create_server(('127.0.0.1', 0), backlog=64)
        def accept():
            while True: threading.Thread(target=handler, args=(server.accept()[0],), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        return server.getsockname()[1]
    def caught(self, sock):
        self.trapped.append(time.time())
        sock.close()
    def real(self, method, path, headers, body):
        own = OWN.get(path.split('?')[0])
        if own: return Answer(200, [('Content-Type', 'application/json')], json.dumps(own).encode())
        up = http.client.HTTPConnection(self.host, int(self.port), timeout=30)
        up.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for header in headers: up.putheader(*header)
        up.endheaders(body)
        reply = up.getresponse()
        return Answer(reply.status, reply.getheaders(), reply.read())
    def choose(self, name):
        with self.lock:
            self.seen.append(name)
            if not self.plan or self.plan[0] != name: return None
            n = self.seen.count(name)
            if n != self.plan[1] and (n < self.plan[1] or self.plan[2]): return None
            self.hits.append(name)
            return self.plan[3]
    def talk(self, sock):
        stream = sock.makefile('rb')
        try:
            while (request := read_request(stream)):
                name = name_of(request[0], request[1], request[3])
                how = self.choose(name)
                answer = self.real(*request)
                if how:
                    how(Wire(sock, self), answer)
                    break
                if self.shuffle and len(self.seen) < 25: time.sleep(self.shuffle(name))
                head = answer.head().replace(b'Connection: close\r\n', b'')
                sock.sendall(head + answer.body)
        except (OSError, http.client.HTTPException, ValueError): pass
        finally:
            stream.close(); sock.close()
