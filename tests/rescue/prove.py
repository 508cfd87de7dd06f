#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops over failures of a rescue. Each situation has its own patient in the embedded cloud; afterwards the patient is
rescued or as it was, if need be after `resume`, and its volume is exactly old or boots. Speaks TAP: one line a kind of situation.
usage: tests/rescue/prove.py [--mutating] [--kinds K,K] [--from N] [--to N] [--step N] [--verbose] [--seed N] [--budget SECONDS] [undo-]calls|[undo-]kills|[undo-]away|[undo-]commit[-away]|random|random-away..."""
import argparse, os, random, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from worlds import Cloud

KINDS = ['refused', 'http5xx', 'lost-after', 'lost-before', 'slow']
VERIFY = ['--verify-timeout', '60']

def is_mutating(call): return not call['action'].startswith(('Describe', 'Get', 'List')) and not call['params'].get('DryRun')

class Tally:
    def __init__(self, args): self.args, self.n, self.bad, self.failed = args, 0, 0, []
    def situation(self, what, bad, run):
        self.n += 1
        if not bad: return
        self.failed.append('%s: %s' % (what, '; '.join(bad)))
        if self.args.verbose: print('# %s: %s\n%s' % (what, '; '.join(bad), '\n'.join('#   ' + l for l in (run.out + run.err).splitlines()[-30:])), flush=True)
    def report(self, number, name):
        print('%s %d - %s: %d situations, %d failed' % ('not ok' if self.failed else 'ok', number, name, self.n, len(self.failed)))
        for line in self.failed[:20]: print('#   ' + line)
        sys.stdout.flush()

def clean_run(cloud, undo):
    """The calls of a run to which nothing happens."""
    p, command = commands(cloud, undo)
    cloud.forget()
    run = cloud.run(*command)
    assert run.status == 0 and run.result == ('undone' if undo else 'rescued'), run.out + run.err
    calls = cloud.calls()
    cloud.drop(p)
    return calls

def chosen(args, calls):
    numbers = [c['n'] for c in calls if not args.mutating or is_mutating(c)]
    return [n for n in numbers if (n >= args.first) and (not args.to or n <= args.to)][::args.step]

def settle(cloud, p, run, elsewhere=False):
    """Resume until nothing is left to resume. Returns what is wrong then."""
    bad = []
    if 'harness' in run.err: bad.append('hung')
    if run.status < 0 and not elsewhere and run.status != -9: bad.append('died by signal %d' % -run.status)
    if run.status == 23: bad.append('internal error')
    state = cloud.dir + '/elsewhere-%d' % cloud.count if elsewhere else None
    for _ in range(2):
        if not cloud.not_home(p): break
        again = cloud.run('resume', '--yes', *VERIFY, p.instance, state=state)
        run.out += '\n--- resume: status %d\n' % again.status + again.out
        run.err += '\n--- resume\n' + again.err
    bad += cloud.not_home(p)
    if not cloud.is_old(p) and not cloud.boots(p): bad.append('the volume is neither old nor repaired')
    return bad

def outcome_fits(cloud, p, run):
    """What the program said about itself must be true."""
    if run.status == 0 and run.result == 'rescued' and not cloud.boots(p): return ['said "rescued", but the volume does not boot']
    if run.status in (0, 1) and run.result is None: return ['no verdict']
    if run.status not in (0, 1, 18) and cloud.not_home(p): return ['status %d, but not everything is home: %s' % (run.status, '; '.join(cloud.not_home(p)))]
    return []

def commands(cloud, undo):
    """A patient and what is run on it; an undo is of a rescue to which nothing happened."""
    p = cloud.patient()
    if not undo: return p, ['--yes', *VERIFY, p.instance]
    assert cloud.rescue(p, options=VERIFY).status == 0
    return p, ['undo', '--yes', p.instance]

def every_call(args, number, undo):
    with Cloud(consistency=args.consistency) as cloud:
        calls = clean_run(cloud, undo)
        for kind in args.kinds.split(','):
            tally = Tally(args)
            for n in chosen(args, calls):
                p, command = commands(cloud, undo)
                cloud.forget()
                cloud.ask('POST', 'faults', {'call': n, 'kind': kind, 'delay_ms': 400})
                run = cloud.run(*command)
                cloud.ask('DELETE', 'faults')
                hit = [c['action'] + (' (dry run)' if c['params'].get('DryRun') else '') for c in cloud.calls() if c.get('fault')]
                bad = outcome_fits(cloud, p, run) + settle(cloud, p, run)
                tally.situation('%s at call %d, %s' % (kind, n, ', '.join(hit) or 'none'), bad, run)
                cloud.drop(p)
            number += 1
            tally.report(number, '%s at each call of %s' % (kind, 'an undo' if undo else 'a rescue'))
    return number

def killed(cloud, command, n, kind):
    """kill -9 when call n has been made: its effect is there (slow) or not (lost-before)."""
    cloud.forget()
    cloud.ask('POST', 'faults', {'call': n, 'kind': kind, 'delay_ms': 2000})
    process = cloud.start(*command)
    until = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < until:
        calls = cloud.calls()
        if calls and calls[-1]['n'] >= n: break
        time.sleep(0.01)
    process.kill()
    run = cloud.finish(process)
    cloud.ask('DELETE', 'faults')
    return run, next((c['action'] for c in cloud.calls() if c['n'] == n), 'none')

def every_kill(args, number, elsewhere, undo):
    with Cloud(consistency=args.consistency) as cloud:
        calls = clean_run(cloud, undo)
        for kind in ('slow', 'lost-before'):
            tally = Tally(args)
            for n in chosen(args, calls):
                p, command = commands(cloud, undo)
                run, action = killed(cloud, command, n, kind)
                bad = settle(cloud, p, run, elsewhere)
                tally.situation('killed %s call %d, %s' % ('after' if kind == 'slow' else 'before', n, action), bad, run)
                cloud.drop(p)
            number += 1
            tally.report(number, 'kill -9 %s each call of %s, resumed %s' % ('after' if kind == 'slow' else 'before', 'an undo' if undo else 'a rescue',
                                                                            'on another machine' if elsewhere else 'here'))
    return number

def at_random(args, number, elsewhere):
    """kill -9 at a moment drawn at random, resumed; at random killed again while resuming."""
    tally, rng = Tally(args), random.Random(args.seed)
    with Cloud(consistency=args.consistency, seed=args.seed) as cloud:
        p = cloud.patient()
        wall = cloud.rescue(p, options=VERIFY).wall
        until = time.monotonic() + args.budget
        while time.monotonic() < until:
            p, undo, story = cloud.patient(), rng.random() < 0.3, []
            if undo and cloud.rescue(p, options=VERIFY).status: raise SystemExit('a rescue to which nothing happened failed')
            command = ['undo', '--yes', p.instance] if undo else ['--yes', *VERIFY, p.instance]
            if rng.random() < 0.3:
                cloud.forget()
                fault = {'call': rng.randrange(1, 80), 'kind': rng.choice(KINDS), 'delay_ms': 200}
                cloud.ask('POST', 'faults', fault)
                story.append('%(kind)s at call %(call)d' % fault)
            for _ in range(rng.choice([1, 1, 2])):
                process, after = cloud.start(*command), rng.uniform(0, wall * 1.2)
                time.sleep(after)
                process.kill()
                run = cloud.finish(process)
                story.append('%s killed after %.3f s' % (command[0] if command[0] != '--yes' else 'rescue', after))
                command = ['resume', '--yes', *VERIFY, p.instance]
            cloud.ask('DELETE', 'faults')
            tally.situation(', '.join(story), settle(cloud, p, run, elsewhere), run)
            cloud.drop(p)
    number += 1
    tally.report(number, 'kill -9 at random, seed %d, resumed %s' % (args.seed, 'on another machine' if elsewhere else 'here'))
    return number

def at_commit(args, number, elsewhere, undo):
    """kill -9 some milliseconds after the write to the volume was announced."""
    tally, rng = Tally(args), random.Random(args.seed)
    with Cloud(seed=args.seed) as cloud:
        until = time.monotonic() + args.budget
        while time.monotonic() < until:
            p, command = commands(cloud, undo)
            process, after = cloud.start(*command), rng.uniform(0, 0.03)
            lines = []
            for line in process.stdout:
                lines.append(line)
                if '"repair"' in line and '"begun"' in line: break
            time.sleep(after)
            process.kill()
            run = cloud.finish(process)
            tally.situation('%s killed %.1f ms after the write was announced' % ('undo' if undo else 'rescue', after * 1e3), settle(cloud, p, run, elsewhere), run)
            cloud.drop(p)
    number += 1
    tally.report(number, 'kill -9 in the commit of %s, seed %d, resumed %s' % ('an undo' if undo else 'a rescue', args.seed, 'on another machine' if elsewhere else 'here'))
    return number

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--mutating', action='store_true')
    parser.add_argument('--kinds', default=','.join(KINDS))
    parser.add_argument('--from', dest='first', type=int, default=1)
    parser.add_argument('--to', type=int, default=0)
    parser.add_argument('--step', type=int, default=1)
    parser.add_argument('--consistency', type=float, default=0)
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 30))
    parser.add_argument('--budget', type=float, default=20, help='seconds for each kind of random situations')
    kinds = {'calls': lambda a, n: every_call(a, n, False), 'undo-calls': lambda a, n: every_call(a, n, True),
             'kills': lambda a, n: every_kill(a, n, False, False), 'away': lambda a, n: every_kill(a, n, True, False),
             'undo-kills': lambda a, n: every_kill(a, n, False, True), 'undo-away': lambda a, n: every_kill(a, n, True, True),
             'commit': lambda a, n: at_commit(a, n, False, False), 'commit-away': lambda a, n: at_commit(a, n, True, False),
             'undo-commit': lambda a, n: at_commit(a, n, False, True), 'undo-commit-away': lambda a, n: at_commit(a, n, True, True),
             'random': lambda a, n: at_random(a, n, False), 'random-away': lambda a, n: at_random(a, n, True)}
    parser.add_argument('what', nargs='+', choices=kinds)
    args = parser.parse_args()
    number = 0
    for what in args.what: number = kinds[what](args, number)
    print('1..%d' % number)

if __name__ == '__main__': main()
