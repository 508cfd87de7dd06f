# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways in which an answer is bent: BENDS[name] = Bend(family, how). `actions` begins the name of each call that it is for. how(rng) draws what is left to chance and gives the
function that writes to the wire, and a word that says what was drawn."""
import base64, gzip, html, json, random, re, time, xml.etree.ElementTree as ET

class Bend:
    def __init__(self, family, how, forms, actions): self.family, self.how, self.forms, self.actions = family, how, forms, actions
BENDS = {}
def bend(family, name, forms=('xml', 'json', 'text'), actions=''):
    def keep(how): BENDS[name] = Bend(family, how, forms, actions); return how
    return keep
def body(family, name, make, forms=('xml', 'json', 'text'), actions='', more=()):
    """Another body with its right length. make(rng, answer) or bytes."""
    def how(rng):
        mine = random.Random(rng.random())
        def write(wire, a):
            a.body = make(mine, a, wire) if callable(make) else make
            wire.send(a.head(more=more) + a.body)
        return write, ''
    BENDS[name] = Bend(family, how, forms, actions)

NASTY = '\x9b31m\u202eevil\u200b \x85\ufeff'        # what XML and JSON can carry of control characters
ESCAPES = b'\x1b]0;owned\x07\x1b[2J\x1b[6n\x9b31m\x00\x08\x7f\xff\xfe\xc0\xaf\xed\xa0\x80\r'

# ---- bytes that are missing or too many ----
@bend('cut short', 'cut')
def _(rng):
    at = rng.random()
    def write(wire, a): a.body = a.body[:int(at * len(a.body))]; wire.send(a.head() + a.body)
    return write, '%.3f' % at
@bend('cut short', 'cut-by-length')
def _(rng):
    at = rng.random()
    return lambda wire, a: wire.send(a.head(length=int(at * len(a.body))) + a.body), '%.3f' % at
@bend('cut short', 'closed-within')
def _(rng):
    at = rng.random()
    return lambda wire, a: wire.send((a.head() + a.body)[:int(at * len(a.head() + a.body))]), '%.3f' % at
@bend('cut short', 'reset-within')
def _(rng):
    at = rng.random()
    def write(wire, a): wire.send((a.head() + a.body)[:int(at * len(a.head() + a.body))]); wire.reset()
    return write, '%.3f' % at
@bend('cut short', 'no-byte')
def _(rng): return lambda wire, a: None, ''
@bend('cut short', 'reset')
def _(rng): return lambda wire, a: wire.reset(), ''
@bend('cut short', 'length-lies')
def _(rng):
    length = rng.choice(['-1', '99999999999999999999999', 'abc', '18446744073709551615', '0', '1, 2', '9223372036854775807'])
    return lambda wire, a: wire.send(a.head(length=length) + a.body), length
@bend('cut short', 'two-lengths')
def _(rng): return lambda wire, a: wire.send(a.head(more=['Content-Length: 3']) + a.body), ''
@bend('cut short', 'chunks-lie')
def _(rng):
    size = rng.choice(['ffffffffffffffff', '7fffffff', 'zz', '-1', '', '0', '1' * 100000])
    return lambda wire, a: wire.send(a.head(length=False, more=['Transfer-Encoding: chunked']) + size.encode() + b'\r\n' + a.body), size[:20]
@bend('cut short', 'not-http')
def _(rng):
    said = rng.choice([b'SSH-2.0-OpenSSH_9.6\r\n', ESCAPES * 20, b'\0' * 4096, b'220 mail ESMTP\r\n', b'HTTP/9.9 200 OK\r\n\r\n', b'HTTP/1.1 abc\r\n\r\n', b'HTTP/1.1\r\n\r\n',
                       b'\x16\x03\x01\x02\x00', b'<html>hello', b'HTTP/2 200 OK\r\n\r\n', b'HTTP/1.1 200 OK\0\r\n\r\n', b'ICY 200 OK\r\n\r\n', b'RTSP/1.0 200 OK\r\n\r\n'])
    return lambda wire, a: wire.send(said), repr(said[:20])
@bend('cut short', 'answer-behind-the-answer')
def _(rng): return lambda wire, a: wire.send((a.head() + a.body) * 3), ''

# ---- too much ----
def flood(name, start, piece, forms=('xml', 'json', 'text'), limit=1 << 30, end=b'', declared=False):
    def how(rng):
        def write(wire, a):
            wire.send(a.head(length=limit if declared else False) + start)
            block = piece * (262144 // len(piece) + 1)
            while wire.sent < limit: wire.send(block)
            wire.send(end)
        return write, ''
    BENDS[name] = Bend('too much', how, forms, '')
flood('gigabyte', b'<r>', b'a')
flood('gigabyte-declared', b'<r>', b'a', declared=True)
flood('gigabyte-of-elements', b'<r>', b'<a/>')
for name, piece in (('elements', b'<a>b</a>'), ('comments', b'<!---->'), ('instructions', b'<?a?>'), ('cdata', b'<![CDATA[]]>'), ('text-and-elements', b'x<a/>')):
    flood('megabytes-of-' + name, b'<DescribeInstancesResponse>', piece, limit=30 << 20, end=b'</DescribeInstancesResponse>')
def attributes(rng, a, wire): return b'<r ' + b' '.join(b'a%d="b"' % i for i in range(2000000)) + b'/>'
body('too much', 'millions-of-attributes', attributes)
def namespaces(rng, a, wire): return b'<r ' + b' '.join(b'xmlns:a%d="b"' % i for i in range(1000000)) + b'/>'
body('too much', 'millions-of-namespaces', namespaces)
body('too much', 'millions-of-names', lambda rng, a, wire: b'<r>' + b''.join(b'<a%d/>' % i for i in range(2000000)) + b'</r>')
body('too much', 'deep', b'<a>' * 100000 + b'</a>' * 100000)
body('too much', 'deep-json', b'{"a":' * 100000 + b'1' + b'}' * 100000)
body('too much', 'deep-arrays', b'[' * 1000000)
def repeat_items(rng, a, wire):
    item = re.search(rb'<(item|member)>.*</\1>', a.body, re.S)
    return a.body[:item.end()] + item[0] * ((24 << 20) // len(item[0])) + a.body[item.end():] if item else a.body
body('too much', 'items-again-and-again', repeat_items, forms=('xml',))
def long_text(rng, a, wire):
    texts = list(re.finditer(rb'>([^<>\s]+)<', a.body))
    if not texts: return a.body
    at = rng.choice(texts)
    return a.body[:at.start(1)] + b'y' * (16 << 20) + a.body[at.end(1):]
body('too much', 'long-text', long_text, forms=('xml',))
body('too much', 'entity-bomb', b'<!DOCTYPE r [<!ENTITY a "' + b'x' * 1000 + b'">' + b''.join(b'<!ENTITY %c "%s">' % (98 + i, b'&%c;' % (97 + i) * 50) for i in range(9)) + b']><r>&j;</r>')
body('too much', 'external-entity', lambda rng, a, wire: b'<!DOCTYPE r [<!ENTITY a SYSTEM "%s">]><r>&a;</r>' % rng.choice([b'file:///etc/passwd', wire.middle.trap.encode() + b'/e']))
body('too much', 'external-dtd', lambda rng, a, wire: b'<!DOCTYPE r SYSTEM "%s/d"><r/>' % wire.middle.trap.encode())
@bend('too much', 'pages-without-end', forms=('xml',), actions='Describe')
def _(rng):
    pages = []
    def write(wire, a):
        pages.append(a)  # the first answer again and again: the real server does not know our tokens
        a = pages[0]
        shown = re.sub(rb'<[nN]extToken/?>(.*?</[nN]extToken>)?', b'', a.body)
        shown = re.sub(rb'(</DescribeAutoScalingInstancesResult>\s*)?</(\w+)>\s*$', rb'<nextToken>t%d</nextToken><NextToken>t%d</NextToken>\1</\2>' % (len(pages), len(pages)), shown)
        wire.send(a.head(length=len(shown)) + shown)
    return write, ''
@bend('too much', 'long-header')
def _(rng):
    size = rng.choice([1 << 16, 1 << 20, 1 << 26])
    return lambda wire, a: wire.send(a.head(more=['X-Long: ' + 'h' * size]) + a.body), str(size)
@bend('too much', 'million-headers')
def _(rng):
    line = rng.choice(['X-%d: y', 'Set-Cookie: a%d=b', 'Date: %d'])
    return lambda wire, a: wire.send(a.head(more=[line % i for i in range(1000000)]) + a.body), line
@bend('too much', 'headers-without-end')
def _(rng):
    def write(wire, a):
        wire.send(b'HTTP/1.1 200 OK\r\n')
        while True: wire.send(b'X-Never: ends\r\n' * 4096)
    return write, ''
@bend('too much', 'continue-without-end')
def _(rng):
    def write(wire, a):
        while True: wire.send(b'HTTP/1.1 100 Continue\r\n\r\n' * 4096)
    return write, ''

# ---- not what it says it is ----
HTML = b'<html><head><title>502</title></head><body bgcolor=white><center><h1>Bad Gateway<hr>\x1b[31m</body></html>'
def recode(encoding, declared=None):
    def make(rng, a, wire):
        text = re.sub(r'^<\?xml.*?\?>', '', a.body.decode('utf-8', 'replace'))
        return (('<?xml version="1.0" encoding="%s"?>' % declared if declared else '') + text).encode(encoding, 'replace')
    return make
def insert(data):
    def make(rng, a, wire):
        places = [m.start() for m in re.finditer(rb'(?<=[\w>"])(?=[\w<"])', a.body)] or [0]
        at = rng.choice(places)
        return a.body[:at] + data + a.body[at:]
    return make
for name, make in {'html': HTML, 'blank': b' \r\n\t ' * 100, 'nothing': b'', 'noise': lambda rng, a, wire: rng.randbytes(2000), 'zeroes': b'\0' * 5000,
                   'json-for-xml': b'{"message": "\\u001b[31mno", "__type": "\\u009bBad#Thing"}', 'xml-for-json': b'<?xml version="1.0"?><r><a>1</a></r>', 'number': b'12345', 'null': b'null',
                   'utf-16': recode('utf-16'), 'utf-16-declared': recode('utf-16', 'UTF-16'), 'says-utf-16': recode('utf-8', 'UTF-16'), 'utf-32': recode('utf-32'), 'utf-7': recode('utf-7', 'UTF-7'),
                   'ebcdic': recode('cp037', 'IBM037'), 'no-such-encoding': recode('utf-8', 'x-evil'), 'latin-1': recode('latin-1'), 'byte-order-mark': lambda rng, a, wire: b'\xef\xbb\xbf' + a.body,
                   'zero-inside': insert(b'\0'), 'bad-utf-8-inside': insert(b'\xff\xc0\xaf\xed\xa0\x80'), 'escapes-inside': insert(ESCAPES), 'controls-inside': insert('\x9b31m\x85\u202e'.encode()),
                   'references-inside': insert(b'&#x9b;31m&#x202e;&#13;&#10;'), 'bad-reference-inside': insert(b'&#0;&#x1b;'), 'xml-1.1': lambda rng, a, wire: b'<?xml version="1.1"?>' + re.sub(rb'^<\?xml.*?\?>', b'', insert(b'&#x1b;')(rng, a, wire)),
                   'gzip-unasked': lambda rng, a, wire: gzip.compress(a.body), 'another-action': b'<?xml version="1.0"?><FooResponse xmlns="urn:x"><requestId>x</requestId></FooResponse>',
                   'reversed': lambda rng, a, wire: a.body[::-1]}.items():
    body('in disguise', name, make)
body('in disguise', 'gzip-declared', lambda rng, a, wire: gzip.compress(a.body), more=['Content-Encoding: gzip'])
body('in disguise', 'gzip-garbage', lambda rng, a, wire: b'\x1f\x8b\x08\0' + rng.randbytes(500), more=['Content-Encoding: gzip'])
body('in disguise', 'content-type', lambda rng, a, wire: a.body, more=['Content-Type: image/png; charset=utf-16'])
body('in disguise', 'header-controls', lambda rng, a, wire: a.body, more=['x-amzn-RequestId: \x1b[2J\udc9b31m', 'Date: \x1b[2J', 'Server: \u202e'])

# ---- fields ----
VALUES = ['unheard-of', '-1', '0', '99999999999999999999', '', ' ', 'true', 'null', '1e308', '0x10', '2099-13-45T99:99:99Z', '9999999-01-01T00:00:00Z', '/dev/sda1\n/dev/xvda', '../../etc/passwd',
          NASTY, 'i-0000000000000000f', 'vol-0000000000000000f', 'z' * 5000, '127.0.0.1', '%s%n', '::', "';--"]
STATES = ['hibernated-9', 'unheard-of', 'STOPPED', 'stopped ', 'terminated', 'error', NASTY]
def elements(root): return [(parent, child) for parent in root.iter() for child in parent]
def xml_field(change):
    def how(rng):
        at, value, state = rng.random(), rng.choice(VALUES), rng.choice(STATES)
        def write(wire, a):
            root = ET.fromstring(a.body)
            ET.register_namespace('', root.tag[1:].split('}')[0] if root.tag.startswith('{') else '')
            found = elements(root)
            if found: change(*found[int(at * len(found))], value, state, found)
            a.body = ET.tostring(root)
            wire.send(a.head() + a.body)
        return write, '%.3f %r' % (at, value[:20])
    return how
def drop(parent, child, *_): parent.remove(child)
def double(parent, child, *_): parent.insert(0, child)
def text(parent, child, value, *_):
    for c in list(child): child.remove(c)
    child.text = value
def leaf(parent, child, value, state, found):
    leaves = [c for _, c in found if not len(c)]
    leaves[sum(map(ord, value[:9])) % len(leaves)].text = value
def nest(parent, child, *_): parent.remove(child); ET.SubElement(parent, child.tag).append(child)
def rename(parent, child, *_): child.tag = child.tag + 'X'
def other_state(parent, child, value, state, found):
    states = [c for _, c in found if re.search(r'(\}|^)(state|status|name|currentState|return|attachTime)$', c.tag) and not len(c)]
    if states: states[len(value) % len(states)].text = state
def second(parent, child, value, *_):
    twin = ET.Element(child.tag); twin.text = value
    parent.insert(list(parent).index(child), twin)
for change in (drop, double, text, leaf, nest, rename, other_state, second): BENDS['field-' + change.__name__.replace('_', '-')] = Bend('fields', xml_field(change), ('xml',), '')
JSON_VALUES = [None, True, -1, 1e308, 9223372036854775807, 99999999999999999999, '', ' ', 'x', 'a\r\nX-Injected: yes', 'a\nb', NASTY, '\x1b[31m\0', [], {}, ['x'], {'x': 1}, 'z' * 5000, 'AKIA"', '2099-13-45T99:99:99Z',
               '9999999-01-01T00:00:00Z', '1969-01-01T00:00:00Z', 'Failed']
def members(value): return [(value, k) for k in value] + [m for v in value.values() if isinstance(v, dict) for m in members(v)]
def json_field(kind):
    def how(rng):
        at, value = rng.random(), rng.choice(JSON_VALUES)
        def write(wire, a):
            top = json.loads(a.body)
            found = members(top)
            holder, key = found[int(at * len(found))]
            if kind == 'drop': del holder[key]
            else: holder[key] = value
            a.body = json.dumps(top, ensure_ascii=False).encode('utf-8', 'surrogatepass')
            if kind == 'twice': a.body = a.body.replace(b'{', ('{"%s": "first", ' % key).encode(), 1)
            wire.send(a.head() + a.body)
        return write, '%.3f %r' % (at, str(value)[:20])
    return how
for kind in ('drop', 'value', 'twice'): BENDS['member-' + kind] = Bend('fields', json_field(kind), ('json',), '')
TEXTS = [b'', b'\r\n', b'a\r\nX-Injected: yes', b'a\nb', b'\x1b[31m', b'\xff\xfe', b'\0', b'a\0b', b'z' * 65000, b'z' * 65536, b'z' * (1 << 20), b'a b', b'../../latest', b'..', b'?x', b'#', b'<html>', b'"', '\x9b\u202e'.encode(), b'us-east-1\n', b'%n']
@bend('fields', 'plain-text', forms=('text',))
def _(rng):
    value = rng.choice(TEXTS)
    def write(wire, a): a.body = value; wire.send(a.head() + value)
    return write, repr(value[:20])

# ---- status ----
REDIRECTS = (300, 301, 302, 303, 305, 307, 308)
def status(code, drawn):
    def how(rng):
        said = rng.choice(['same', 'html', 'empty', 'error', 'plain']) if drawn else 'same'
        def write(wire, a):
            error = ('<Response><Errors><Error><Code>%s</Code><Message>%s%s</Message></Error></Errors><RequestID>%s</RequestID></Response>' % (html.escape(NASTY), 'm' * 3000, NASTY, NASTY)).encode()
            a.body = {'same': a.body, 'html': HTML, 'empty': b'', 'error': error, 'plain': ESCAPES}[said]
            more = ['Location: %s/latest/api/token' % wire.middle.trap, 'Refresh: 0; url=%s' % wire.middle.trap, 'Alt-Svc: h2="%s"' % wire.middle.trap[7:],
                    'WWW-Authenticate: Basic realm="x"', 'WWW-Authenticate: Negotiate', 'Proxy-Authenticate: Basic realm="x"', 'Retry-After: 99999999', 'Upgrade: h2c', 'Set-Cookie: a=b']
            wire.send(a.head(status='%s What\x1b[31m' % code, more=more) + a.body)
        return write, said
    return how
for code in ('000', '099', 100, 101, 102, 103, 199, 201, 202, 204, 205, 206, 226, *REDIRECTS, 304, 306, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 413, 418, 421, 426, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 599, 600, 999):
    BENDS['status-%s' % code] = Bend('status and redirects', status(code, True), ('xml', 'json', 'text'), '')
@bend('status and redirects', 'redirect-to-itself')
def _(rng): return lambda wire, a: wire.send(a.head(status='302 Found', more=['Location: /'])), ''
@bend('status and redirects', 'redirect-to-a-file')
def _(rng): return lambda wire, a: wire.send(a.head(status='301 Moved', length=0, more=['Location: ' + rng.choice(['file:///etc/passwd', 'gopher://127.0.0.1/', '//evil'])])), ''

# ---- silence ----
@bend('silence', 'hangs')
def _(rng): return lambda wire, a: wire.hang(), ''
@bend('silence', 'hangs-within')
def _(rng):
    at = rng.random()
    def write(wire, a): wire.send((a.head() + a.body)[:int(at * len(a.head() + a.body))]); wire.hang()
    return write, '%.3f' % at
@bend('silence', 'drips')
def _(rng):
    def write(wire, a):
        for byte in a.head() + a.body + b' ' * 100000: wire.send(bytes([byte])); time.sleep(0.1)
    return write, ''
@bend('silence', 'never-ends')
def _(rng):
    def write(wire, a): wire.send(a.head(length=len(a.body) + 1) + a.body); wire.hang()
    return write, ''

# ---- the console ----
CONSOLES = {'escapes': ESCAPES * 2000, 'all-bytes': bytes(range(256)) * 256, 'nothing': b'', 'zeroes': b'\0' * 65536, 'one-line': b'x' * 2000000, 'many-lines': b'\n' * 2000000, 'no-end-of-osc': b'\x1b]0;' + b'x' * 100000,
            'csi-at-the-end': b'Linux version 6\nx\x1b[', 'escape-at-the-end': b'x\x1b', 'suspicions': b'Linux version 6\n' + b''.join(b'\x1b[31mKernel panic - not syncing: \xff\x9b2J\x07' + w + b'\r\n' for w in (b'VFS: Unable to mount root fs', b'a' * 100000)),
            'many-boots': b'Linux version 6.1\nGNU GRUB \n' * 60000, 'bad-utf-8': b'Linux version 6\n' + b'\xff\xc0\xaf\xed\xa0\x80\xf5' * 5000, 'cut-utf-8': 'Linux version \u20ac'.encode()[:-1]}
def console(name, content):
    def make(rng, a, wire): return b'<GetConsoleOutputResponse><requestId>r</requestId><output>' + (content() if callable(content) else content) + b'</output><timestamp>2024-01-01T00:00:00Z</timestamp></GetConsoleOutputResponse>'
    body('the console', 'console-' + name, make, actions='GetConsoleOutput')
for name, content in CONSOLES.items(): console(name, base64.b64encode(content))
for name, content in {'64-MiB': lambda: base64.b64encode(b'x' * (48 << 20)), '20-MiB': lambda: base64.b64encode(b'Timed out waiting for device\n' * 600000), 'not-base64': b'@@@@', 'half-base64': base64.b64encode(b'hello world')[:-3], 'base64-then-not': b'aGVsbG8=====x',
                      'blank': b' \n ', 'lines-of-base64': base64.encodebytes(ESCAPES * 100), 'markup': b'<b>x</b>', 'bytes': b'\xff\x00'}.items(): console(name, content)
