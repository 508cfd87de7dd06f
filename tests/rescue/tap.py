# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios against one embedded cloud, as TAP: functions with @scenario, then run_all(Cloud). Arguments of the program choose some by name."""
import os, sys, time

scenarios = []
def scenario(text):
    def keep(f): scenarios.append((f.__name__, text, f)); return f
    return keep

class Wrong(Exception): pass
class Skip(Exception): pass
def expect(what, got, want):
    if got != want: raise Wrong('%s: %r, not %r' % (what, got, want))
def contains(what, text, part):
    if part not in text: raise Wrong('%s lacks %r: %s' % (what, part, text[-1500:]))

def run_all(make_cloud):
    chosen = [s for s in scenarios if not sys.argv[1:] or s[0] in sys.argv[1:]]
    with make_cloud() as cloud:
        for n, (name, text, check) in enumerate(chosen, 1):
            start, wrong, skip = time.monotonic(), None, ''
            try: check(cloud)
            except Wrong as w: wrong = str(w)
            except Skip as s: skip = ' # SKIP %s' % s
            cloud.forget()
            print('%s %d - %s%s' % ('not ok' if wrong else 'ok', n, text, skip))
            for line in (wrong or '').splitlines(): print('#   ' + line)
            if os.environ.get('TIMES'): print('# %s: %.2f s' % (name, time.monotonic() - start))
            sys.stdout.flush()
    print('1..%d' % len(chosen))
