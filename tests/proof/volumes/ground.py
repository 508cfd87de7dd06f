# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a hostile volume is tried, and the laws that hold for every command on it."""
import ctypes, hashlib, json, os, random, select, shutil, signal, stat, struct, subprocess, time, unicodedata

LIMIT_S, LIMIT_KIB, OUTPUT_MAX = 20, 256 << 10, 64 << 20
# What the manual documents for a volume that is already here. A hostile one is no defect of ours (23), no command
# line (2) and no deadline (10).
STATUSES = {0, 1, 3, 4, 6, 12, 13, 14, 15, 16, 17, 22}
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_CHILD_SUBREAPER = 36
IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_OPEN, IN_MOVE_SELF, IN_DELETE_SELF = 1, 2, 4, 0x20, 0x800, 0x400
HARMLESS = {"\n", "\t"}


def is_shown_safely(text):
    """No character that moves, hides or reorders what a terminal shows."""
    return next((c for c in text if c not in HARMLESS and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")), None)


def is_sanitized():
    with open(os.environ.get("BUILD", "build") + "/ec2-rescue", "rb") as f:
        return b"__asan_init" in f.read()


def listing(top):
    """Every name with what stands behind it, without times and without following a link."""
    rows = []
    for base, dirs, files in os.walk(os.fsencode(top)):
        for name in dirs + files:
            path = base + b"/" + name
            st = os.lstat(path)
            row = [path, st.st_mode, st.st_uid, st.st_gid, st.st_nlink if not stat.S_ISDIR(st.st_mode) else 0, st.st_rdev]
            if stat.S_ISLNK(st.st_mode):
                row.append(os.readlink(path))
            elif stat.S_ISREG(st.st_mode):
                row.append(st.st_size)
                with open(path, "rb") as f:
                    row.append(hash(f.read(32 << 20)))
            if not stat.S_ISLNK(st.st_mode):
                row.append([(n, os.getxattr(path, n)) for n in sorted(os.listxattr(path))])
            rows.append(row)
    rows.sort(key=lambda r: r[0])
    return hash(repr(rows))


def data_of(path, part=1 << 20):
    """(offset, bytes) of what is no hole: most of an image is one."""
    with open(path, "rb") as f:
        os.fsync(f.fileno())  # where it has holes is certain only afterwards
        end, at = f.seek(0, 2), 0
        while at < end:
            try:
                at = max(at, os.lseek(f.fileno(), at, os.SEEK_DATA) // 65536 * 65536)
            except OSError:  # no more of it
                return
            hole = os.lseek(f.fileno(), os.lseek(f.fileno(), at, os.SEEK_DATA), os.SEEK_HOLE)
            while at < hole:
                data = os.pread(f.fileno(), part, at)
                yield at, data
                at += part


def image_sum(path):
    """SHA-256 of everything but zeros, with its places."""
    h, zeros = hashlib.sha256(b"%d" % os.path.getsize(path)), bytes(65536)
    for at, data in data_of(path):
        for n in range(0, len(data), 65536):
            part = data[n:n + 65536]
            if part != zeros[:len(part)]:
                h.update(b"%d:" % (at + n) + part)
    return h.hexdigest()


def times(top):
    """Who was touched below a directory of this machine."""
    rows = {}
    for base, dirs, files in os.walk(top):
        for path in [base] + [os.path.join(base, n) for n in files]:
            try:
                st = os.lstat(path)
            except OSError:
                continue
            rows[path] = (st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_nlink)
    return rows


class Impossible(Exception):
    """This situation cannot be made here."""


class Ground:
    """One place for one worker: its scratch, its state, and a file of this machine that nobody may touch."""

    def __init__(self, top, program, base):
        self.top, self.program, self.base = top, program, base
        self.host, self.scratch, self.state = (os.path.join(top, n) for n in ("host", "scratch", "state"))
        for d in (top, self.host):
            os.makedirs(d, mode=0o755, exist_ok=True)
        self.secret = os.urandom(18).hex()
        self.canary = os.path.join(self.host, "canary")
        with open(self.canary, "w") as f:
            f.write("PRETTY_NAME=%s\n%s:x:0:0:%s:/root:/bin/sh\n" % (self.secret, self.secret, self.secret))
        self.pid = os.getpid()
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        libc.inotify_add_watch(self.watch, os.fsencode(self.canary), IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_OPEN | IN_MOVE_SELF | IN_DELETE_SELF)
        self.has_shadow_memory = b"libasan" in subprocess.run(["ldd", program], capture_output=True).stdout
        self.most_kib, self.longest_s = 0, 0.0

    def fresh(self, seed):
        """For one situation."""
        for d in (self.scratch, self.state):
            shutil.rmtree(d, ignore_errors=True)
            os.mkdir(d)
            os.chmod(d, 0o1777)
        self.random, self.flagged, self.helpers = random.Random(seed), [], set()
        self.target = self.tree = os.path.join(self.top, "tree")
        self.wipe()
        self.host_before = self.host_now()

    def wipe(self):
        for name in os.listdir(self.top):
            if name not in ("host", "scratch", "state"):
                subprocess.run(["rm", "-rf", os.path.join(self.top, name)])

    def host_now(self):
        return {**times(self.host), **(times("/etc") if IS_ROOT else {}), "/": sorted(os.listdir("/"))}

    def tree_of_base(self):
        subprocess.run(["cp", "-a", self.base, self.tree], check=True)

    def run(self, *args, user=False):
        """One command; what is wrong with how it went, as texts, and its exit status."""
        argv = [self.program, *args]
        if user and IS_ROOT:
            argv = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", *argv]
        env = {"PATH": os.environ["PATH"], "TMPDIR": self.scratch, "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        out, err = (os.path.join(self.top, n) for n in ("out", "err"))
        to = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        start = time.monotonic()
        pid = os.posix_spawnp(argv[0], argv, env, setsid=True, file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                              (os.POSIX_SPAWN_OPEN, 1, out, to, 0o600), (os.POSIX_SPAWN_OPEN, 2, err, to, 0o600)])
        end = os.pidfd_open(pid)
        hangs = not select.select([end], [], [], LIMIT_S)[0]
        os.close(end)
        if hangs:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        took = time.monotonic() - start
        self.longest_s, self.most_kib = max(self.longest_s, took), max(self.most_kib, usage.ru_maxrss)
        self.status = os.waitstatus_to_exitcode(status)
        wrong = ["took longer than %d s" % LIMIT_S] if hangs else []
        if not hangs and self.status not in STATUSES:
            wrong.append("ended with %d: %s" % (self.status, open(err, "rb").read()[-300:]))
        if usage.ru_maxrss > LIMIT_KIB and not self.has_shadow_memory:
            wrong.append("took %d MiB of memory" % (usage.ru_maxrss >> 10))
        wrong += self.look_at_output(out, err, "--json" in args) + self.look_at_leftovers() + self.look_at_host()
        return ["%s: %s" % (" ".join(args[:2]), w) for w in wrong]

    def look_at_output(self, out, err, is_json):
        wrong, text = [], b""
        for name in (out, err):
            with open(name, "rb") as f:
                part = f.read(OUTPUT_MAX + 1)
            if len(part) > OUTPUT_MAX:
                wrong.append("says more than %d bytes" % OUTPUT_MAX)
            if name == out and is_json:
                for line in part.splitlines():
                    try:
                        json.loads(line)
                    except ValueError as e:
                        wrong.append("no JSON: %s" % e)
            text += part
        try:
            bad = is_shown_safely(text.decode())
            if bad:
                at = text.decode().index(bad)
                wrong.append("shows U+%04X unescaped: %r" % (ord(bad), text.decode()[max(0, at - 60):at + 20]))
        except UnicodeDecodeError as e:
            wrong.append("output is no UTF-8: %r" % text[max(0, e.start - 60):e.end + 10])
        if self.secret.encode() in text:
            wrong.append("shows what is in a file of this machine")
        self.text = text
        return wrong

    def look_at_leftovers(self):
        """Processes whose parent is gone become ours; a killed one's children die right after it."""
        end = time.monotonic() + 3
        while True:
            with open("/proc/%d/task/%d/children" % (self.pid, self.pid)) as f:
                alive = [p for p in map(int, f.read().split()) if p not in self.helpers and not os.waitpid(p, os.WNOHANG)[0]]
            left = "a process" if alive else ", ".join(os.listdir(self.scratch)) or self.loops()
            if not left:
                return []
            if time.monotonic() > end:
                return ["leaves behind: " + left]
            time.sleep(0.02)

    def loops(self):
        for name in os.listdir("/sys/block"):
            try:
                with open("/sys/block/%s/loop/backing_file" % name) as f:
                    if self.top in f.read():
                        return name
            except OSError:
                pass
        with open("/proc/self/mountinfo") as f:
            return next((line for line in f if self.scratch in line), "")

    def look_at_host(self):
        wrong = []
        try:
            events = os.read(self.watch, 65536)
            wrong.append("touched a file of this machine (event %#x)" % struct.unpack_from("iI", events)[1])
        except BlockingIOError:
            pass
        now = self.host_now()
        if now != self.host_before:
            wrong.append("changed on this machine: %s" % [k for k in set(now) | set(self.host_before) if now.get(k) != self.host_before.get(k)][:5])
            self.host_before = now
        return wrong

    def look_for_secret(self, *places):
        for place in places:
            files = [place] if os.path.isfile(place) else (os.path.join(d, n) for d, _, names in os.walk(place) for n in names)
            for path in files:
                try:
                    holds = os.path.isfile(path) and not os.path.islink(path) and any(self.secret.encode() in data for _, data in data_of(path))
                except OSError:  # another thing by now, where things are exchanged all the time
                    continue
                if holds:
                    return ["%s has what is in a file of this machine" % path]
        return []

    def whole_life(self, target, user=False, exact=True, options=()):
        """Every command on one target. Returns how many there were and what was wrong."""
        look = listing if os.path.isdir(target) else image_sum
        before, wrong, count = look(target) if exact else None, [], 0  # not exact: it changes by itself all the time
        state = ["--state-dir", os.path.join(self.state, "s")]
        for args in (["audit"], ["audit", "--json"], ["repair", "--dry-run"], ["repair", "--dry-run", "--json"]):
            wrong += self.run(*args, *options, *state, target, user=user)
            count += 1
            if exact and look(target) != before:
                wrong.append("%s wrote to it" % " ".join(args))
                before = look(target)
        wrong += self.run("repair", "--yes", "--json", *options, *state, target, user=user)
        repaired = look(target) if exact else None
        self.was_repaired = repaired != before
        if self.was_repaired and os.path.isfile(target):
            wrong += self.look_for_secret(target)
        wrong += self.look_for_secret(self.state)
        wrong += self.run("undo", *state, target, user=user)
        if exact and look(target) != before:
            wrong.append("undo left it different (it ended with %d)" % self.status)
        if exact and self.was_repaired and self.status not in (0, 1):
            wrong.append("a repair was written, and undo ended with %d: %r" % (self.status, self.text[-300:]))
        return count + 2, wrong
