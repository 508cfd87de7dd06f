# SPDX-License-Identifier: GPL-2.0-or-later
"""The moments and calls of which the proofs speak: found by watching runs to which nothing happens, never listed by hand."""
import re
from situations import calls_of, moments_of, is_mutating

# What the processes say to each other while nothing but the overlay changes; there are hundreds of each.
CHATTER = re.compile(r'(export writev dev/fuse|examiner sendto socket|surgeon sendto socket|\S+ write pipe)#(\d+)$')

def is_chatter(moment): return CHATTER.match(moment)
def is_change(moment):
    """A call to EC2 that changes something."""
    m = re.match(r'parent sendto api (\w+)( dry)?#', moment)
    return m and is_mutating(m[1] + (m[2] or ''))
def is_commit(moment): return re.match(r'surgeon (pwrite64 volumes/|fsync volumes/|rename records/state)', moment)

class Space:
    """Asks the cloud once for each base."""
    def __init__(self, cloud): self.cloud, self.known, self.counted = cloud, {}, {}
    def moments(self, story):
        if story not in self.known: self.known[story] = moments_of(self.cloud, story)
        return self.known[story]
    def calls(self, story):
        if story not in self.counted: self.counted[story] = calls_of(self.cloud, story)
        return self.counted[story]
    def cuts(self, verb):
        """Ways to be interrupted that differ in what is left to do: after each change in the cloud, and in the commit."""
        return ['%s, machine after %s' % (verb, m) for m in self.moments(verb) if is_change(m) or is_commit(m)]
