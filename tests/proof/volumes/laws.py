# SPDX-License-Identifier: GPL-2.0-or-later
"""The laws: for each, every situation as a text (all), one at random (draw), and what is wrong in it (prove)."""
import itertools, os, random, subprocess, time

import blocks
import ground
from objects import HEAVY, HOSTILE, LINKED, exchange

LAWS = {}
NAMES = ["volume.img", "volume.img", "new\nline \x1b[2J.img", "\u202egmi.img", b"\xff.img".decode(errors="surrogateescape")]


def law(cls):
    LAWS[cls.name] = cls()
    return cls


class Law:
    count = 0  # how many of those at random make the whole
    every = 1  # how many turns of the others one of these is worth

    def is_possible(self):
        return True

    def all(self):
        dice = random.Random(1)
        return (self.draw(dice) for _ in range(self.count))


def number(dice):
    return "%08x" % dice.getrandbits(32)


def is_inside(g, path):
    """An object that was planted before may lead out of the tree: nothing is planted through it."""
    top, parent = os.path.realpath(g.tree), os.path.realpath(os.path.dirname(path))
    return parent == top or parent.startswith(top + "/")


def plant(g, name, path):
    here = g.tree + path
    if not all(is_inside(g, p) for p in [here, *(os.path.join(g.tree, other) for other in LINKED)]):
        return False
    try:
        HOSTILE[name](here, g)
        return True
    except OSError:
        return False  # another object stands on the way to this one


def unflag(g):
    from objects import flag
    for path in g.flagged:
        flag(path, 0)


def make_ext4(g, image):
    flags, many = list(g.flagged), sum(len(f) for _, _, f in os.walk(g.tree)) > 20000
    unflag(g)
    for features in [g.random.choice(["metadata_csum", "^metadata_csum,^64bit", "inline_data", "^extent,^has_journal"]), "metadata_csum"]:
        subprocess.run(["rm", "-f", image])
        subprocess.run(["truncate", "-s", "160M" if many else "48M", image], check=True)
        made = subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-b", g.random.choice(["2048", "4096"]), "-N", "110000" if many else "4096",
                               "-d", g.tree, image], capture_output=True, text=True)
        if not made.returncode:  # that of Debian 12 crashes on some trees
            break
    else:
        raise ground.Impossible("mke2fs: %d %s" % (made.returncode, made.stderr))
    for path in flags:
        subprocess.run(["debugfs", "-w", "-R", 'set_inode_field "%s" flags 0x%x' % (path[len(g.tree):], 0x80010), image], capture_output=True)


def make_by_kernel(size, *mkfs):
    def make(g, image):
        mnt = g.top + "/mnt"
        os.mkdir(mnt)
        subprocess.run(["truncate", "-s", size, image], check=True)
        subprocess.run([*mkfs, image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, mnt], check=True, capture_output=True)
        subprocess.run(["cp", "-a", g.tree + "/.", mnt], capture_output=True)
        subprocess.run(["umount", mnt], check=True)
        while g.loops():  # a surgeon of the other worker that is just ending may be the last to let go of it
            time.sleep(0.01)
    return make


MAKE = {"user": make_ext4, "ext4": make_ext4, "xfs": make_by_kernel("320M", "mkfs.xfs", "-q"), "btrfs": make_by_kernel("160M", "mkfs.btrfs", "-q")}


def live(g, way):
    """Everything with what is in g.tree, as the tree itself or as an image of it."""
    if way == "tree":
        try:
            return g.whole_life(g.tree)
        finally:
            unflag(g)
    plain, image = (os.path.join(g.top, n) for n in ("volume.img", g.random.choice(NAMES)))
    MAKE[way](g, plain)
    unflag(g)
    os.rename(plain, image)
    if way == "user" and ground.IS_ROOT:
        os.chown(image, ground.NOBODY, ground.NOBODY)
    return g.whole_life(image, user=way == "user")


WAYS = ["tree", "user", "ext4", "xfs", "btrfs"] if ground.IS_ROOT else ["tree", "user"]


@law
class OneObject(Law):
    """Each object at each path that a check asks for or has above it: all of them in a plain tree; in images, which
    take ten times as long, so many at random."""
    name, images = "hostile-objects", 2000

    def all(self):
        for name, path in itertools.product(sorted(HOSTILE), self.paths):
            if name not in HEAVY or hash_of(name + path) % 12 == 0:
                yield "%s %s tree" % (name, path)
        dice = random.Random(1)
        for _ in range(self.images):
            yield self.draw(dice, WAYS[1:])

    def draw(self, dice, ways=WAYS):
        while True:
            name = dice.choice(sorted(HOSTILE))
            if name not in HEAVY or dice.randrange(8) == 0:
                return "%s %s %s" % (name, dice.choice(self.paths), dice.choices(ways, [4 if w in ("tree", "user") else 1 for w in ways])[0])

    def prove(self, g, situation):
        name, path, way = situation.split(" ")
        g.fresh(situation)
        g.tree_of_base()
        return live(g, way) if plant(g, name, path) else (0, [])


def hash_of(text):
    return int.from_bytes(random.Random(text).randbytes(4), "big")


@law
class SeveralObjects(Law):
    """Several at once, each anywhere."""
    name, count = "hostile-mixtures", 1500

    def draw(self, dice):
        return "%s %s" % (number(dice), dice.choices(WAYS, [6 if w == "tree" else 3 if w == "user" else 1 for w in WAYS])[0])

    def prove(self, g, situation):
        g.fresh(situation)
        g.tree_of_base()
        light = sorted(set(HOSTILE) - HEAVY)
        planted = [plant(g, g.random.choice(light), g.random.choice(self.paths)) for _ in range(g.random.randint(2, 8))]
        return live(g, situation.split(" ")[1]) if any(planted) else (0, [])


@law
class Swapped(Law):
    """What is at a path is another thing at every look: a second process exchanges it all the time."""
    name, count = "swapped-while-used", 1000

    def draw(self, dice):
        return "%s %s %s" % (dice.choice(sorted(set(HOSTILE) - HEAVY)), dice.choice(self.paths), number(dice))

    def prove(self, g, situation):
        name, path, _ = situation.split(" ")
        g.fresh(situation)
        g.tree_of_base()
        here, aside = g.tree + path, g.top + "/aside"
        subprocess.run(["cp", "-a", here, aside], capture_output=True)
        if not os.path.lexists(aside):
            with open(aside, "w") as f:
                f.write("as it was\n")
        if not plant(g, name, path) or not os.path.lexists(here):
            return 0, []
        unflag(g)
        pid = os.fork()
        if not pid:
            while os.getppid() == g.pid:
                exchange(here, aside)
            os._exit(0)
        g.helpers.add(pid)
        try:
            return g.whole_life(g.tree, exact=False)
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


# ---- disks ----

class Disk(Law):
    bases = {}

    def image(self, g, base):
        path = os.path.join(g.top, "volume.img")
        subprocess.run(["cp", "--sparse=always", self.bases[base].path, path], check=True)
        return path

    def life(self, g, image, way):
        """As whoever has no privilege, who reads through libext2fs, or as root, for whom the kernel does."""
        if way == "user" and ground.IS_ROOT:
            os.chown(image, ground.NOBODY, ground.NOBODY)
        return g.whole_life(image, user=way == "user")

    def some_base(self, dice):
        base = dice.choice(sorted(self.bases))
        return base, dice.choice(self.bases[base].ways)


@law
class Corrupted(Disk):
    """Bytes of the metadata are others than they were."""
    name, count = "corrupted-file-systems", 4000

    def draw(self, dice):
        return "%s %s %s" % (*self.some_base(dice), number(dice))

    def prove(self, g, situation):
        base, way, _ = situation.split(" ")
        g.fresh(situation)
        image = self.image(g, base)
        blocks.spoil(image, self.bases[base], g.random)
        return self.life(g, image, way)


@law
class CutOff(Disk):
    """The image ends too early, anywhere."""
    name, count = "truncated-images", 600

    def draw(self, dice):
        base, _ = self.some_base(dice)
        size = max(0, blocks.sizes(os.path.getsize(self.bases[base].path), dice))
        return "%s %s %d" % (base, dice.choice([w for w in ("user", "root") if w == "user" or ground.IS_ROOT]), size)

    def prove(self, g, situation):
        base, way, size = situation.split(" ")
        g.fresh(situation)
        image = self.image(g, base)
        os.truncate(image, int(size))
        return self.life(g, image, way)


@law
class Tables(Disk):
    """Partition tables that overlap, point outside, go round, or are too long."""
    name, count = "partition-tables", 3000

    def draw(self, dice):
        return "%s %s" % (dice.choice(["user", "root"] if ground.IS_ROOT else ["user"]), number(dice))

    def prove(self, g, situation):
        g.fresh(situation)
        image = os.path.join(g.top, "volume.img")
        blocks.put_table(image, self.bases["ext4-sums"], g.random)
        return self.life(g, image, situation.split(" ")[0])


# ---- the examiner, and whoever holds credentials ----

@law
class Confined(Law):
    """Every system call there is, tried by a confined process; and what /proc says of one."""
    name, every = "examiner-confinement", 60

    def all(self):
        return iter(["root", "user"] if ground.IS_ROOT else ["user"])

    def draw(self, dice):
        return dice.choice(list(self.all()))

    def prove(self, g, situation):
        who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if situation == "user" and ground.IS_ROOT else []
        said = subprocess.run([*who, g.tests + "/proof/tool-confined"], capture_output=True, text=True, check=True).stdout.splitlines()
        return int(said[-1].split()[0]), said[:-1]


@law
class Openers(Law):
    """No process that opens or reads a volume has the credential in its memory or environment, whatever the command
    and also after a kill; and the one that has it, seen by the same means, is seen."""
    name, count, every = "credentials-apart", 16, 40
    faults = ["gatewaydev-gone", "home-open", "fstab-missing-volume", "sshd-bad-directive"]

    def is_possible(self):
        # fanotify(7) holds other processes for nobody else; and a sanitizer keeps a copy of the environment.
        return ground.IS_ROOT and not ground.is_sanitized()

    def all(self):
        return itertools.chain(["control gatewaydev-gone 0"], super().all())

    def draw(self, dice):
        return "%s %s %.2f" % (dice.choice(["local", "rescue", "killed"]), dice.choice(self.faults), dice.uniform(.1, 4))

    def prove(self, g, situation):
        done = subprocess.run(["tests/proof/volumes/openers", *situation.split(" ")], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        lines = done.stdout.splitlines()
        who = [line for line in lines if not line.startswith("#")]
        if done.returncode:
            return 1, ["the proof itself failed: %s %s" % (done.stdout[-300:], done.stderr[-300:])]
        if situation.startswith("control"):
            return len(who), [] if who and all("HOLDS IT" in line for line in who) else ["what holds it is not seen: %s" % lines]
        if not who and not situation.startswith("killed"):
            return 1, ["nobody opened the volume: %s" % lines]
        return max(len(who), 1), [line for line in who if not line.endswith("clean")]
