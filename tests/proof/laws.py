# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells stories (situations.py) to patients, side by side, and adds up by law. A proof hands over what there is to tell:
    prove(__doc__, whole(cloud, rng), drawn(cloud, rng))         both yield (law, story); drawn: of the same space, without end"""
import argparse, multiprocessing, os, random, signal, sys, time, traceback
from situations import Situation, adopt
from worlds import Cloud

def parse(usage):
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--budget', type=float, help='seconds; situations are drawn at random')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--mutating', action='store_true', help='only calls that change something')
    parser.add_argument('--jobs', type=int, default=min(4, (os.cpu_count() or 1) + 1))
    parser.add_argument('--verbose', action='store_true', help='what the program said in situations that failed')
    parser.add_argument('--list', action='store_true', help='only the stories')
    parser.add_argument('stories', nargs='*', metavar='STORY', help='only these (see situations.py)')
    return parser.parse_args()

MOST_TOLD = 40  # to one cloud, which looks at all the patients it ever had

def tell(cloud, task, results):
    law, story = task
    try:
        s = Situation(cloud, story).play()
        s.settle()
        results.put((law, story, s.bad, s.missed, s.tell()))
        cloud.drop(s.p)
    except Exception: results.put((law, story, ['the harness failed'], False, traceback.format_exc()))

def work(image, speed_seed, tasks, results):
    """One worker: clouds of its own, a patient for each story."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt()
    try:
        task, net = tasks.get(), None
        while task:
            with Cloud(image=image, seed=speed_seed, net=net) as cloud:
                net = cloud.net
                for _ in range(MOST_TOLD):
                    if task: tell(cloud, task, results); task = tasks.get()
    except Exception: results.put((None, None, ['no cloud'], False, traceback.format_exc()))
    results.put(None)

class Tally:
    def __init__(self, args):
        self.args, self.laws, self.done, self.told, self.began = args, {}, 0, 0, time.monotonic()
    def take(self, law, story, bad, missed, told):
        n = self.laws.setdefault(law, {'n': 0, 'missed': 0, 'failed': []})
        if missed and not bad: n['missed'] += 1
        else:
            n['n'] += 1
            self.told += 1
        if bad:
            n['failed'].append('%s: %s' % (story, '; '.join(bad)))
            if self.args.verbose: print('%s: %s\n%s\n' % (story, '; '.join(bad), told), file=sys.stderr, flush=True)
        self.done += 1
        if sys.stderr.isatty(): print('\r%d situations, %d failed, %.0f s ' % (self.done, sum(len(l['failed']) for l in self.laws.values()), time.monotonic() - self.began), end='', file=sys.stderr, flush=True)
    def report(self):
        if sys.stderr.isatty(): print('\r\033[K', end='', file=sys.stderr)
        for law, n in self.laws.items():
            if not n['n']: continue  # every moment that was drawn for it did not come
            print('%s: %d situations, %d failed' % (law, n['n'], len(n['failed'])))
            for line in n['failed'][:20]: print('  ' + line)
            if n['failed']: print("  again: tests/proof/%s --verbose 'STORY'" % os.path.basename(sys.argv[0]))
            if n['missed']: print('  %d more were drawn or listed, but their moment did not come' % n['missed'])
        sys.stdout.flush()

def spread(args, image, stories):
    """The stories over the workers, as long as there are any and time is left."""
    tasks, results, tally = multiprocessing.Queue(2 * args.jobs), multiprocessing.Queue(), Tally(args)
    workers = [multiprocessing.Process(target=work, args=(image, args.seed + i, tasks, results)) for i in range(args.jobs)]
    for w in workers: w.start()
    left, given, pending = args.jobs, 0, iter(stories)
    until = args.end
    while left:
        while pending and given - tally.done < 2 * args.jobs:
            # Watching for what there is to tell takes its time, too; a proof that told nothing would be none.
            task = next(pending, None) if time.monotonic() < until or tally.told < args.jobs else None
            if task is None:
                pending = None
                for _ in workers: tasks.put(None)
                break
            given += 1
            tasks.put(task)
        result = results.get()
        if result is None: left -= 1
        elif result[0] is None: raise SystemExit(result[4])
        else: tally.take(*result)
    for w in workers: w.join()
    tally.report()
    return tally

def prove(usage, whole, drawn):
    args = parse(usage)
    args.end = time.monotonic() + args.budget if args.budget else float('inf')
    adopt()
    os.environ.setdefault('SIZE', '16M')  # of a volume, which is summed often
    with Cloud(seed=args.seed) as cloud:
        warm = Situation(cloud, 'rescue').play()  # makes what is made once
        warm.settle()
        assert not warm.bad, (warm.bad, warm.tell())
        if args.stories: stories = [('as told', story) for story in args.stories]
        else: stories = (drawn if args.budget else whole)(cloud, random.Random(args.seed), args)
        if args.list:
            for law, story in stories: print('%s\t%s' % (law, story))
            return 0
        tally = spread(args, cloud.image, stories)
    return 1 if not tally.told or any(law['failed'] for law in tally.laws.values()) else 0
