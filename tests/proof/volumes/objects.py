# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile objects: each is a function that puts something where a check will look. `@hostile` makes it one of the
situations, so that adding one is writing one function. `here` is the path on this machine below the tree's top,
`g` what the objects may use: g.tree (the top), g.canary (a file of this machine that nobody may touch), g.random."""
import ctypes, errno, fcntl, os, shutil, socket, stat, struct

HOSTILE = {}
NASTY = [b"new\nline", b"\x1b[2Jescape\x1b]0;title\x07", b"\xff\xfeinvalid\xc3", b"\xc2\x9b31mc1", "\u202egnp.exe\u2066".encode(),
         "\u061cmark\u00adsoft".encode(), b"x" * 255, b"-rf", b"*?[a", b"'\"$(id)`id`", b" ", b"\\n\\040", b"{\"a\":", b"%s%n%d"]


def hostile(make):
    HOSTILE[make.__name__.replace("_", "-")] = make
    return make


def clear(here):
    if os.path.islink(here) or not os.path.isdir(here):
        if os.path.lexists(here):
            os.unlink(here)
    else:
        shutil.rmtree(here)
    os.makedirs(os.path.dirname(here), exist_ok=True)


def put(here, data, mode=0o644):
    clear(here)
    with open(here, "wb") as f:
        f.write(data)
    os.chmod(here, mode)


def content(here):
    if os.path.isfile(here) and not os.path.islink(here):
        with open(here, "rb") as f:
            return f.read(1 << 20)
    return b"# nothing\n"


def link(target):
    def make(here, g):
        clear(here)
        os.symlink(target(here, g) if callable(target) else target, here)
    return make


def up(path):
    return "../" * 40 + path.lstrip("/")


for name, target in {
        "link-absolute": lambda here, g: g.canary,
        "link-up": lambda here, g: up(g.canary),
        "link-directory": lambda here, g: os.path.dirname(g.canary),
        "link-proc-root": lambda here, g: "/proc/self/root" + g.canary,
        "link-proc-init": lambda here, g: up("/proc/1/root" + g.canary),
        "link-proc-cwd": "/proc/self/cwd",
        "link-proc-fd": "/proc/self/fd/3",
        "link-environ": "/proc/self/environ",
        "link-zero": "/dev/zero", "link-terminal": "/dev/tty", "link-stdin": "../../../../dev/stdin",
        "link-top": "/", "link-here": ".", "link-parent": "..", "link-empty-parts": "//.//../././/etc//fstab",
        "link-self": lambda here, g: os.path.basename(here),
        "link-dangling": "/nowhere/at/all", "link-long": "a/" * 1000,
        "link-nasty": lambda here, g: b"/tmp/" + g.random.choice(NASTY)}.items():
    HOSTILE[name] = link(target)


@hostile
def link_loop(here, g):
    other = here + ".other"
    for at, to in ((here, other), (other, here)):
        clear(at)
        os.symlink(os.path.basename(to), at)


def chain(length):
    def make(here, g):
        """The object itself at the end of so many links: 40 are the kernel's limit."""
        base, aside = os.path.dirname(here), here + ".end"
        if os.path.lexists(here):
            os.rename(here, aside)
        os.makedirs(base, exist_ok=True)
        for n in range(length):
            at = here if n == 0 else "%s.%d" % (here, n)
            to = aside if n == length - 1 else "%s.%d" % (here, n + 1)
            if not os.path.lexists(at):
                os.symlink(os.path.basename(to), at)
    return make


HOSTILE["chain-40"], HOSTILE["chain-41"] = chain(40), chain(41)


@hostile
def behind_nasty_name(here, g):
    """What a repair writes to has a name that is no text."""
    nasty = os.path.join(os.fsencode(g.tree), g.random.choice(NASTY))
    if os.path.lexists(here) and not os.path.lexists(nasty):
        os.rename(here, nasty)
        os.symlink(b"/" + os.path.basename(nasty), here)


def node(kind, major=0, minor=0):
    def make(here, g):
        clear(here)
        os.mknod(here, kind | 0o666, os.makedev(major, minor))
    return make


HOSTILE["fifo"] = node(stat.S_IFIFO)
if os.geteuid() == 0:
    HOSTILE["device-zero"], HOSTILE["device-terminal"] = node(stat.S_IFCHR, 1, 5), node(stat.S_IFCHR, 5, 0)
    HOSTILE["device-disk"], HOSTILE["device-nobody"] = node(stat.S_IFBLK, 7, 250), node(stat.S_IFCHR, 4000, 77)


@hostile
def socket_(here, g):
    clear(here)
    s = socket.socket(socket.AF_UNIX)
    back = os.open(".", os.O_RDONLY)
    os.chdir(os.path.dirname(here))
    s.bind(os.path.basename(here)[:100])
    os.fchdir(back)
    os.close(back)
    s.close()


@hostile
def other_kind(here, g):
    if os.path.isdir(here):
        put(here, b"a file\n")
    else:
        clear(here)
        os.mkdir(here)


@hostile
def missing(here, g):
    clear(here)


@hostile
def sparse_100g(here, g):
    text = content(here)
    put(here, text)
    os.truncate(here, 100 << 30)


for name, data in {
        "empty": b"", "one-byte": b"\n", "no-newline": b"x", "nul": b"\0" * 5000, "too-large": b"a\n" * (9 << 20), "giant-line": b"a" * (3 << 20),
        "many-lines": b"x y z\n" * 200000, "many-braces": b"{" * 100000, "escapes": b"".join(n + b"\n" for n in NASTY),
        "carriage": b"a b\rc d\r\n" * 100, "bom": b"\xff\xfea\0b\0\n\0", "wide": "\u202e\u2066\U000e0041\n".encode() * 50}.items():
    HOSTILE[name] = lambda here, g, data=data: put(here, data)


@hostile
def noise(here, g):
    put(here, g.random.randbytes(20000))


def mixed(make_line):
    """The file as it is, with hostile lines in it."""
    def make(here, g):
        lines = content(here).splitlines(keepends=True)
        for _ in range(g.random.randint(1, 30)):
            lines.insert(g.random.randint(0, len(lines)), make_line(g, g.random.choice(lines) if lines else b"#\n"))
            if sum(map(len, lines)) > 4 << 20:
                break
        put(here, b"".join(lines))
    return make


def spoil(g, line):
    line = bytearray(line)
    for _ in range(g.random.randint(1, 4)):
        at = g.random.randint(0, len(line))
        line[at:at + g.random.randint(0, 3)] = g.random.choice(NASTY + [b"\0", b"=", b"\\\n", b"9" * 30, b"/../../", b","])
    return bytes(line) + b"\n"


HOSTILE["spoiled-lines"] = mixed(spoil)
HOSTILE["repeated-lines"] = mixed(lambda g, line: line * min(g.random.choice([2, 100, 1000]), 1 + (1 << 20) // len(line)))


@hostile
def includes(here, g):
    """Every word that a file has for reading another one, towards everything that is none of its business."""
    targets = [g.canary, up(g.canary), "/proc/self/environ", "/etc/ssh/*", "/*/*/*/*/*/*", "/etc/ssh/sshd_config", "/dev/zero",
               "~/" + up(g.canary), "%h/../../.." + g.canary, "/proc/1/root" + g.canary]
    words = ["Include %s", ". %s", "source %s", "EnvironmentFile=%s", "AuthorizedKeysFile %s", "HostKey %s", "Banner %s", "ForceCommand %s",
             "%s / ext4 bind 0 0", "%s none swap sw 0 0", "x:x:0:0:x:%s:/bin/sh", "ExecStart=%s", "TrustedUserCAKeys %s", "iface eth0 %s"]
    put(here, content(here) + b"\n" + b"".join(((w % t) + "\n").encode() for w in words for t in targets))


@hostile
def many_users(here, g):
    put(here, b"root:x:0:0::/root:/bin/bash\n" + b"".join(b"u%d:x:%d:%d::/home/u%d:/bin/bash\n" % (n, n, n, n) for n in range(30000)))


def directory(fill):
    def make(here, g):
        clear(here)
        os.mkdir(here)
        fill(os.fsencode(here), g)
    return make


def touch(path, data=b"x\n"):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, data)
    os.close(fd)


def names_fill(here, g):
    for n in NASTY:
        for end in (b"", b".conf", b".service"):
            if len(n) + len(end) <= 255:
                touch(here + b"/" + n + end, n + b" " + n + b"\n")
                os.symlink(n, here + b"/ifcfg-" + n[:200] + end)


def deep_fill(here, g):
    back = os.open(".", os.O_RDONLY)
    os.chdir(here)
    for _ in range(600):
        os.mkdir("d" * 20)
        os.chdir("d" * 20)
    os.fchdir(back)
    os.close(back)


HOSTILE["nasty-names"] = directory(names_fill)
HOSTILE["deep"] = directory(deep_fill)
HOSTILE["thousands"] = directory(lambda here, g: [touch(b"%s/%d.conf" % (here, n), b"Port 22\n") for n in range(3000)])
HOSTILE["100000-files"] = directory(lambda here, g: [touch(b"%s/%d.conf" % (here, n), b"") for n in range(100000)])
HEAVY = {"100000-files", "deep", "too-large", "many-users"}  # to make: they are drawn less often


def dressed(dress):
    def make(here, g):
        if not os.path.lexists(here):
            put(here, b"x\n")
        if not os.path.islink(here):
            dress(here, g)
    return make


HOSTILE["mode-000"] = dressed(lambda here, g: os.chmod(here, 0))
HOSTILE["mode-7777"] = dressed(lambda here, g: os.chmod(here, 0o7777))
HOSTILE["owner-nobody"] = dressed(lambda here, g: os.chown(here, 0xfffffffe, 0xfffffffe) if os.geteuid() == 0 else None)
HOSTILE["future"] = dressed(lambda here, g: os.utime(here, (0, 1 << 33)))


LINKED = ("etc/fstab", "etc/ssh/sshd_config", "etc/sysconfig/network")


@hostile
def hard_links(here, g):
    """One inode under the names of several files that are repaired."""
    if not os.path.isfile(here) or os.path.islink(here):
        put(here, b"x\n")
    for other in LINKED:
        other = os.path.join(g.tree, other)
        if not os.path.lexists(other) or not os.path.samefile(other, here):
            clear(other)
            os.link(here, other)


def set_xattr(name, value):
    def dress(here, g):
        try:
            os.setxattr(here, name, value, follow_symlinks=False)
        except OSError as e:
            if e.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSPC, errno.E2BIG):
                raise
    return dressed(dress)


HOSTILE["xattr-large"] = set_xattr("user.large", b"v" * 3500)
HOSTILE["label-nasty"] = set_xattr("security.selinux", b"\x1b[2J\xff\n" * 100)
HOSTILE["capabilities"] = set_xattr("security.capability", struct.pack("<5I", 0x02000001, 0xffffffff, 0, 0xffffffff, 0))
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS = 0x80086601, 0x40086602


def flag(path, bits):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    now = struct.unpack("i", fcntl.ioctl(fd, FS_IOC_GETFLAGS, struct.pack("i", 0)))[0]
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("i", now & ~0x30 | bits))
    os.close(fd)


if os.geteuid() == 0:
    HOSTILE["immutable"] = dressed(lambda here, g: (flag(here, 0x10), g.flagged.append(here)) if stat.S_IFMT(os.lstat(here).st_mode) in (stat.S_IFREG, stat.S_IFDIR) else None)
    HOSTILE["append-only"] = dressed(lambda here, g: (flag(here, 0x20), g.flagged.append(here)) if stat.S_ISREG(os.lstat(here).st_mode) else None)

libc = ctypes.CDLL(None, use_errno=True)
RENAME_EXCHANGE, AT_FDCWD = 2, -100


def exchange(a, b):
    """Both names at once have each other's object; False where one of them is not there."""
    return not libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE)
