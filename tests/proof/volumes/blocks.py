# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile disks: file systems with bytes of their metadata changed, cut off, and partition tables of every kind."""
import os, re, struct, subprocess, uuid, zlib

SECTOR = 512


def tool(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more).stdout


class Base:
    """A sound file system to spoil: its image, and the places of its metadata as (offset, length)."""

    def __init__(self, path, places, ways):
        self.path, self.places, self.ways = path, places, ways


def ext4_places(path):
    """Superblock, descriptors, bitmaps, used inodes, directories, the log: where libext2fs looks."""
    heads = tool("dumpe2fs", path)
    block = int(re.search(r"Block size:\s+(\d+)", heads)[1])
    inode = int(re.search(r"Inode size:\s+(\d+)", heads)[1])
    places = [(1024, 1024)] * 4
    for first, last in re.findall(r"Group descriptors at (\d+)-(\d+)", heads)[:1]:
        places.append((int(first) * block, min(int(last) - int(first) + 1, 2) * block))
    for kind in ("Block bitmap at", "Inode bitmap at"):
        places += [(int(b) * block, block) for b in re.findall(kind + r" (\d+)", heads)[:1]]
    table = int(re.search(r"Inode table at (\d+)", heads)[1]) * block
    places += [(table, 128 * inode)] * 3 + [(table + 10 * inode, 30 * inode)] * 2
    names = ["/", "/etc", "/etc/ssh", "/etc/sysconfig", "/home/ec2-user", "/etc/systemd/system", "/usr/lib/systemd/system", "/lib", "<8>"]
    for name in names:
        for b in tool("debugfs", "-R", "blocks " + name, path).split()[:6]:
            places.append((int(b) * block, block))
    return places


def written(path, at, end):
    """The sectors between two offsets that hold something."""
    with open(path, "rb") as f:
        f.seek(at)
        data = f.read(end - at)
    return [(at + n, SECTOR) for n in range(0, len(data), SECTOR) if any(data[n:n + SECTOR])]


def make_bases(top, tree):
    """Each made once for all workers. Wild changes go to libext2fs only; the kernel of this machine gets what its
    checksums let it refuse."""
    bases = {}
    for name, options, ways in (("ext4-plain", "^metadata_csum,^64bit", ["user"]), ("ext4-sums", "metadata_csum", ["user", "root"]),
                                ("ext4-old", "^extent,^metadata_csum,^64bit,^flex_bg", ["user"]), ("ext4-inline", "inline_data,^metadata_csum", ["user"])):
        path = os.path.join(top, name)
        tool("truncate", "-s", "24M", path)
        made = subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", options, "-b", "1024" if name == "ext4-plain" else "4096", "-N", "1024", "-d", tree, path], capture_output=True)
        if made.returncode:
            continue  # some releases of mke2fs cannot fill a tree into every kind
        bases[name] = Base(path, [(1024, 1024)] if "root" in ways else ext4_places(path), ways)
    # A log with something in it: the block of /etc/fstab and the superblock's, as a crash leaves them.
    path = os.path.join(top, "ext4-log")
    tool("cp", bases["ext4-plain"].path, path)
    block = tool("debugfs", "-R", "blocks /etc/fstab", path).split()[0]
    tool("debugfs", "-w", "-f", "-", path, input="jo\njw -b %s,2 /etc/services\njw -r %s\njw -b %s /etc/protocols\njc\n" % (block, block, block))
    log = [(int(b) * 1024, 1024) for b in tool("debugfs", "-R", "blocks <8>", path).split()[:12]]
    bases["ext4-log"] = Base(path, log, ["user"])
    if os.geteuid() == 0:
        for kind, size, mkfs, end in (("xfs", "320M", ["mkfs.xfs", "-q"], 1 << 20), ("btrfs", "120M", ["mkfs.btrfs", "-q"], 40 << 20)):
            path, mnt = os.path.join(top, kind), os.path.join(top, kind + ".mnt")
            os.mkdir(mnt)
            tool("truncate", "-s", size, path)
            tool(*mkfs, path)
            tool("mount", "-o", "loop", path, mnt)
            subprocess.run(["cp", "-a", tree + "/.", mnt], capture_output=True)
            tool("umount", mnt)
            places = written(path, 0, end)
            bases[kind] = Base(path, places[:8] * (len(places) // 8) + places, ["root"])
    return bases


def spoil(image, base, dice):
    """Bytes of metadata become others."""
    with open(image, "r+b") as f:
        for _ in range(dice.choice([1, 1, 1, 2, 3, 8, 40])):
            at, length = dice.choice(base.places)
            # Numbers begin at multiples of four; so do most hits.
            at += dice.randrange(length) & (~0 if dice.random() < .3 else ~3)
            f.seek(at)
            now = f.read(4)
            new = dice.choice([lambda: dice.randbytes(1), lambda: dice.randbytes(4), lambda: b"\0\0\0\0", lambda: b"\xff\xff\xff\xff", lambda: b"\xff\xff\xff\x7f",
                               lambda: bytes([now[0] ^ 1 << dice.randrange(8)]) if now else b"\0", lambda: struct.pack("<I", dice.choice([1, 2, 1 << 16, 1 << 31, 8, 11]))])()
            f.seek(at)
            f.write(new)


def sizes(size, dice):
    """Where a copy may have ended: at every structure's edge, one byte beside it, anywhere."""
    edges = [0, 1, 511, 512, 1023, 1024, 1025, 1535, 2047, 2048, 4095, 4096, 8192, 65536, 65536 + 4096, 1 << 20, size // 2, size - 65536, size - 4096, size - 512, size - 1]
    return dice.choice([dice.choice(edges), dice.choice(edges) + dice.choice([-1, 1]), dice.randrange(size), dice.randrange(65536)])


# ---- partition tables ----

def mbr_entry(dice, disk, extended=False):
    kind = 5 if extended else dice.choice([0x83, 0x83, 0x83, 5, 0xf, 0x85, 0xee, 0, 0x82, dice.randrange(256)])
    start = dice.choice([0, 1, 2048, 2048, 4096, disk - 1, disk, disk + 1, 0xffffffff, dice.randrange(disk)])
    size = dice.choice([0, 1, 8192, 16384, disk, disk - 2048, 0xffffffff, dice.randrange(1, disk)])
    return struct.pack("<B3sB3sII", dice.choice([0, 0x80, 0xff]), b"\0\2\0", kind, dice.randbytes(3), start & 0xffffffff, size)


def mbr(dice, disk):
    return bytearray(dice.randbytes(440) + dice.randbytes(4) + b"\0\0" + b"".join(mbr_entry(dice, disk) for _ in range(4)) + b"\x55\xaa")


def put_mbr(f, dice, disk):
    """Four entries; what is extended leads to a chain that may go round, back or out."""
    table = mbr(dice, disk)
    places = [0] + [dice.randrange(1, min(disk, 4000)) for _ in range(dice.choice([0, 1, 3, 12]))]
    for n, at in enumerate(places):
        sector = table if n == 0 else mbr(dice, disk)
        if len(places) > 1:
            to = dice.choice(places[n + 1:] or places)
            entry = 446 + 16 * dice.choice([0, 1, 1, 2])
            sector[entry:entry + 16] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 5, b"\0\0\0", max(0, to - (places[1] if n else 0)) & 0xffffffff, disk)
        f.seek(at * SECTOR)
        f.write(sector)


NAMES = ["root", "\x1b[2J", "a\nb", "\u202egpj", "\ud800", "\0\0\0x", "é" * 36, "/../../etc"]


def gpt_entry(dice, disk):
    last = 2 ** 64 - 1
    start = dice.choice([0, 1, 34, 2048, 2048, 4096, disk - 1, disk, last, 1 << 63, 1 << 55, dice.randrange(disk)])
    end = dice.choice([0, start, start + 8191, start + 16383, disk - 34, disk, last, (1 << 63) - 1, dice.randrange(disk)]) & last
    name = dice.choice(NAMES).encode("utf-16-le", "surrogatepass")[:72].ljust(72, b"\0")
    kind = dice.choice([uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le, bytes(16), dice.randbytes(16)])
    return kind + dice.randbytes(16) + struct.pack("<QQQ", start, end, dice.getrandbits(64)) + name


def put_gpt(f, dice, disk):
    count = dice.choice([0, 1, 3, 4, 128, 128, 129, 16384, 131072, 0xffffffff, dice.getrandbits(32)])
    size = dice.choice([128, 128, 128, 256, 4096, 0, 1, 127, 0x80000000])
    real = b"".join(gpt_entry(dice, disk).ljust(min(size, 4096), b"\0") for _ in range(min(count, dice.choice([3, 128, 3000]))))
    table_at = dice.choice([2, 2, 2, 1, 0, 34, disk - 1, 1 << 60])
    right = zlib.crc32((real.ljust(count * size, b"\0") if count * size < 64 << 20 else real)[:count * size] if count * size < 64 << 20 else real)
    head = bytearray(struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, dice.choice([92, 92, 92, 0, 91, 512, 513, 0xffffffff]), 0, 0, dice.choice([1, 1, 1, 0, disk]),
                                 dice.choice([disk - 1, disk - 1, disk * 2, 0, 2 ** 64 - 1]), 34, dice.choice([disk - 34, disk - 34, 2 ** 64 - 1, 0]), dice.randbytes(16),
                                 table_at, count, size, dice.choice([right, right, right, 0])))
    if dice.random() < .9:
        struct.pack_into("<I", head, 16, zlib.crc32(head))
    f.write(bytes(446) + struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff\xff\xff", 1, disk - 1) + bytes(48) + b"\x55\xaa")
    f.seek(SECTOR)
    f.write(head)
    if table_at < disk:
        f.seek(table_at * SECTOR)
        f.write(real[:(disk - table_at) * SECTOR])
    if dice.random() < .3:  # the other copy
        f.seek((disk - 1) * SECTOR)
        f.write(head)


def put_table(image, base, dice):
    """A disk with a sound file system at 1 MiB, or none, and a table that is anything."""
    disk = 32 << 11
    with open(image, "wb") as f, open(base.path, "rb") as sound:
        f.truncate(disk * SECTOR)
        if dice.random() < .7:
            f.seek(1 << 20)
            f.write(sound.read())
        f.seek(0)
        dice.choice([put_mbr, put_gpt])(f, dice, disk)
