# SPDX-License-Identifier: GPL-2.0-or-later
"""Secrets that are planted, every form in which one could come out, and the search for them."""
import base64, hashlib, hmac, random, string, urllib.parse

WINDOW = 16  # so many bytes in a row are a piece of a secret; less may be chance
HALF = WINDOW // 2
ALPHABET = string.ascii_letters + string.digits + '+/'

def forms(text):
    """(name, bytes) of a secret as it is and as it could have been encoded."""
    raw = text.encode()
    yield 'plain', raw
    for n, quoted in enumerate((urllib.parse.quote(text, safe=''), urllib.parse.quote(urllib.parse.quote(text, safe=''), safe=''))):
        if quoted != text: yield 'url%d' % (n + 1), quoted.encode()
    for lead in range(3):  # base64 of something that it stands in: the outermost characters belong to the neighbours, too
        whole = base64.b64encode(b'\0' * lead + raw).rstrip(b'=')
        yield 'base64+%d' % lead, whole[[0, 2, 3][lead]:-1]
    yield 'hex', raw.hex().encode()
    yield 'HEX', raw.hex().upper().encode()

class Plants:
    def __init__(self, rng):
        self.rng, self.texts, self.windows, self.halves, self.derived = rng, {}, {}, set(), {}
    def secret(self, name, length=40):
        """A secret with characters that every encoding changes."""
        chars = [self.rng.choice(ALPHABET) for _ in range(length)]
        for at, char in zip(self.rng.sample(range(2, length - 2), 3), '+/='): chars[at] = char
        return self.know(name, ''.join(chars))
    def word(self, name, length=20, alphabet=string.ascii_letters + string.digits):
        return self.know(name, ''.join(self.rng.choice(alphabet) for _ in range(length)))
    def key_id(self, name, prefix='ASIA'):
        return self.know(name, prefix + ''.join(self.rng.choice(string.ascii_uppercase + '234567') for _ in range(16)))
    def know(self, name, text):
        self.know_name(name, text)
        return text
    def know_name(self, name, text):
        for old, planted in self.texts.items():
            if planted == text: return old
        while name in self.texts: name += "'"
        self.texts[name] = text
        for form, data in forms(text): self.add('%s.%s' % (name, form), data)
        return name
    def know_signing(self, name, secret, day, region, services):
        """The keys that SigV4 derives: whoever has one of them signs for a day."""
        for service in services:
            key = ('AWS4' + secret).encode()
            for part in (day, region, service, 'aws4_request'):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
                for form, data in (('raw', key), ('hex', key.hex().encode()), ('base64', base64.b64encode(key)[:-2])):
                    self.add('%s-%s-%s.%s' % (name, service, part, form), data)
    def add(self, name, data):
        self.derived[name] = data
        for at in range(max(1, len(data) - WINDOW + 1)): self.windows.setdefault(data[at:at + WINDOW], name)
        for at in range(len(data) - HALF + 1): self.halves.add(data[at:at + HALF])
    def found(self, data):
        """The names of all secrets of which a piece is in these bytes."""
        return {self.windows[data[at:at + WINDOW]] for at in self.places(data)}
    def places(self, data):
        """Where pieces begin. In every piece there is a whole half that begins at a multiple of HALF."""
        for half in range(0, len(data) - HALF + 1, HALF):
            if data[half:half + HALF] in self.halves:
                for at in range(max(0, half - HALF), half + 1):
                    if data[at:at + WINDOW] in self.windows: yield at
    def needles(self):
        """For tool-watch: pieces of every form, so that half of one is found as well."""
        for name, data in self.derived.items():
            for at in range(0, max(1, len(data) - WINDOW + 1), WINDOW): yield '%s %s\n' % (name, data[at:at + WINDOW].hex())
    def leak(self, rng, names, pad=True):
        """What a careless or hostile server says: some of the secrets, in some form, at any place in a sentence."""
        said = [] if names else ['nothing']
        for _ in range(rng.choice((1, 1, 2, 4)) if names else 0):
            name = rng.choice(sorted(names))
            said.append(rng.choice([data for _, data in forms(self.texts[name])]).decode())
        fill = ''.join(rng.choice('lorem ipsum dolor ') for _ in range(rng.choice((0, 20, rng.randrange(450), rng.randrange(1200))))) if pad else ''
        return fill + rng.choice((' ', '"', '=', ':')).join(said)
