# SPDX-License-Identifier: GPL-2.0-or-later
"""A server between the program and the embedded cloud that says more than it should. It issues planted credentials (container,
SSO, instance metadata, roles), passes everything else on, is an HTTP proxy, too, and at the requests that `trouble` names does
what it says: an answer with secrets in it, or a call of a function."""
import http.client, http.server, json, re, socket, threading, time

SSO, CONTAINER, IMDS_ROLE = '/federation/credentials', '/container', '/latest/meta-data/iam/security-credentials/'
CODES = ['SignatureDoesNotMatch', 'AuthFailure', 'UnauthorizedOperation', 'InvalidClientTokenId', 'InvalidParameterValue', 'RequestExpired', 'ExpiredToken',
         'IncorrectState', 'InternalError', 'RequestLimitExceeded', 'InvalidAction', 'Nonsense']

class Mouth:
    def __init__(self, plants, sim_port):
        self.plants, self.sim_port = plants, sim_port
        self.trouble, self.issued, self.role, self.calls, self.hits = None, {}, {}, 0, 0
        mouth = self
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def log_message(self, *_): pass
            def any(self): mouth.answer(self)
            do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = any
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            def handle_error(self, *_): pass  # the other side was killed
        self.server = Server(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        self.url = 'http://127.0.0.1:%d' % self.port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
    def close(self): self.server.shutdown(); self.server.server_close()
    def expect(self, trouble=None, told=()):
        """trouble: {'at': N, 'of': 'api'|'creds', 'times': T, 'kind': ..., 'rng': ...}; counts from now on. told: names of the
        secrets that the program has; only those can it recognize, and what the mouth gives away comes to them."""
        self.calls = self.hits = 0
        self.seen = {'api': 0, 'creds': 0}
        self.trouble = trouble
        self.told = set(told)
    def answer(self, h):
        path = re.sub(r'^https?://[^/]*', '', h.path) or '/'
        body = h.rfile.read(int(h.headers.get('Content-Length') or 0))
        creds = path.startswith((SSO, CONTAINER, IMDS_ROLE, '/token')) or b'Action=AssumeRole' in body
        of = 'creds' if creds else 'api'
        self.calls += 1
        self.seen[of] += 1
        t = self.trouble
        hit = t and t['of'] == of and t['at'] <= self.seen[of] < t['at'] + t['times']
        if hit:
            self.hits += 1
            if 'do' in t: t['do']()
            elif self.misbehave(h, t, path, body): return
        if h.command == 'CONNECT': return self.send(h, 407, b'', [('Proxy-Authenticate', 'Basic realm="%s"' % self.plants.leak(t['rng'], self.told, False) if hit else 'Basic')])
        given = self.give(path)
        if given is None: status, reason, headers, data = self.ask_cloud(h, path, body)
        else: status, reason, headers, data = given
        if b'Action=AssumeRole' in body: data = self.rename(data)
        if hit and t['kind'] == 'wrong-value': data = self.spoil(data, t['rng'])
        if path == '/latest/api/token' and 20 < len(data) < 200: self.told.add(self.plants.know_name('imds-token', data.decode().strip()))
        self.send(h, status, data, headers, reason)
    def give(self, path):
        for prefix in self.issued:
            if path.startswith(prefix):
                data = self.issued[prefix]
                self.told |= {name for name, text in self.plants.texts.items() if text in str(data)}
                return 200, 'OK', [('Content-Type', 'application/json')], (data if isinstance(data, str) else json.dumps(data)).encode()
        return None
    def ask_cloud(self, h, path, body):
        cloud = http.client.HTTPConnection('127.0.0.1', self.sim_port, timeout=60)
        cloud.putrequest(h.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in h.headers.items():
            if name.lower() not in ('connection', 'proxy-connection', 'proxy-authorization'): cloud.putheader(name, value)
        cloud.endheaders(body or None)
        try:
            reply = cloud.getresponse()
            return reply.status, reply.reason, [(n, v) for n, v in reply.getheaders() if n.lower() not in ('content-length', 'connection')], reply.read()
        except (http.client.HTTPException, OSError):
            h.close_connection = True
            raise ConnectionAbortedError
        finally: cloud.close()
    def rename(self, data):
        """The role's credentials are the planted ones (the cloud knows them)."""
        self.told |= {name for name, text in self.plants.texts.items() if text in self.role.values()}
        for tag, value in self.role.items(): data = re.sub(b'<%s>[^<]+<' % tag.encode(), lambda _: ('<%s>%s<' % (tag, value)).encode(), data)
        return data
    def send(self, h, status, data, headers=(), reason=None):
        if reason is None: h.send_response(status)
        else: h.send_response_only(status, reason)
        for name, value in headers: h.send_header(name, value)
        h.send_header('Content-Length', str(len(data)))
        h.end_headers()
        h.wfile.write(data)
    def spoil(self, data, rng):
        """One value, whichever, is a secret."""
        text = data.decode(errors='replace')
        spots = list(re.finditer(r'>([^<>]+)<|"([^"]*)"(?=[,}\]])', text))
        if not spots: return self.plants.leak(rng, self.told).encode()
        spot = rng.choice(spots)
        group = 1 if spot.group(1) is not None else 2
        return (text[:spot.start(group)] + self.plants.leak(rng, self.told, False).replace('"', ' ') + text[spot.end(group):]).encode()
    KINDS = ['xml', 'xml', 'json', 'html', 'code', 'request-id', 'broken-xml', 'broken-json', 'wrong-value', 'wrong-value', 'reason', 'header', 'redirect', 'garbage', 'echo', 'echo', 'cut', 'hang-up']
    def misbehave(self, h, t, path, body):
        """True when this was the answer."""
        rng, kind = t['rng'], t['kind']
        leak, code = self.plants.leak(rng, self.told), rng.choice(CODES)
        status = rng.choice((400, 403, 401, 404, 500, 503))
        xml = lambda code, message, id: ('<?xml version="1.0"?><Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>' % (code, message.replace('&', '&amp;').replace('<', '&lt;'), id)).encode()
        tight = re.sub(r'\s', '', self.plants.leak(rng, self.told, False))
        if kind == 'wrong-value': return False
        if kind == 'echo': # what it was sent, as AWS explains a signature that does not match, but in words of its own
            told = '%s %s\n%s\n\n%s' % (h.command, h.path, ''.join('%s:%s\n' % (n.lower(), v) for n, v in h.headers.items()), body.decode(errors='replace'))
            told = rng.choice((told, 'Headers: ' + h.headers.get('Authorization', '') + h.headers.get('X-Amz-Security-Token', '') + h.headers.get('Proxy-Authorization', ''), body.decode(errors='replace')[-1000:]))
            answer = status, xml(code, told, 'x'), []
        elif kind == 'xml': answer = status, xml(code, leak, '1234'), []
        elif kind == 'json': answer = status, json.dumps({'__type': 'ns#' + rng.choice((code, tight)), 'message': leak, 'Code': tight, 'Message': leak, 'error': leak}).encode(), [('Content-Type', 'application/json')]
        elif kind == 'html': answer = status, ('<html><body><h1>%s</h1>%s</body></html>' % (leak, leak)).encode(), [('Content-Type', 'text/html')]
        elif kind == 'code': answer = status, xml(tight, 'no', '1'), []
        elif kind == 'request-id': answer = status, xml(code, 'no', tight), [('x-amzn-RequestId', tight)]
        elif kind == 'broken-xml': answer = 200, ('<a><%s x="%s">&%s;</b>%s' % (re.sub(r'[^A-Za-z0-9]', '_', tight), tight, re.sub(r'[^A-Za-z0-9]', '', tight), leak)).encode(), []
        elif kind == 'broken-json': answer = 200, rng.choice(('{"Code":"%s"}' % tight, '{"AccessKeyId":"%s","SecretAccessKey":5}' % tight, '"%s' % tight, '{"roleCredentials":"%s"}' % tight,
                                                              '{"AccessKeyId":"AKIAZ","SecretAccessKey":"x","Expiration":"%s","Version":1}' % tight)).encode(), []
        elif kind == 'redirect': answer = rng.choice((301, 302, 307)), b'', [('Location', 'http://user:%s@127.0.0.1:1/%s' % (tight, tight))]
        elif kind == 'header': answer = status, b'', [('x-amzn-errortype', tight), ('WWW-Authenticate', 'Basic realm="%s"' % tight), ('x-amz-request-id', tight)]
        elif kind == 'reason':
            self.send(h, status, leak.encode(), reason=tight)
            return True
        else:
            h.close_connection = True
            if kind == 'garbage': h.wfile.write(tight.encode() + b'\r\n\r\n' + leak.encode())
            elif kind == 'cut': h.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<a>' + leak.encode())
            return True
        self.send(h, *answer)
        return True
