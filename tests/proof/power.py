# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of storage that loses power, for proof-power.

It promises no more than POSIX: what was written is on stable storage when an fsync of that file that began after the
write has ended; a name, when an fsync of its directory has. Whatever is not yet durable when the power goes is there
or not, each sector and each name by itself, in any order: a file may be long and full of zeros, a renamed file may
have its old name, its new one or none.
"""
import errno
import hashlib
import itertools
import json
import os
import shutil
import stat
import struct

SECTOR = 512
BLOCK = 65536
ZERO_BLOCK = bytes(BLOCK)


def read_log(path):
    """The records of tool-recorder."""
    ops = []
    with open(path, "rb") as log:
        for line in log:
            op = json.loads(line)
            if op["op"] == "trouble":
                raise RuntimeError("the recorder cannot tell: " + op["text"])
            if op["op"] == "write":
                op["data"] = log.read(op["len"])
                log.read(1)
            ops.append(op)
    return ops


class Blocks:
    """A file or a disk: durable sectors, and changes that are not durable yet."""

    def __init__(self, read, size):
        self.read = read  # what a sector holds that was never written
        self.size = size
        self.sectors = {}
        self.pending = []  # (number of the record, {sector: bytes}, size afterwards)

    def now(self, sector):
        for _, changed, _ in reversed(self.pending):
            if sector in changed:
                return changed[sector]
        return self.durable(sector)

    def durable(self, sector):
        return self.sectors[sector] if sector in self.sectors else self.read(sector)

    def last_size(self):
        return self.pending[-1][2] if self.pending else self.size

    def write(self, number, at, data):
        changed = {}
        end = at + len(data)
        for sector in range(at // SECTOR, (end + SECTOR - 1) // SECTOR):
            start = sector * SECTOR
            if start >= at and start + SECTOR <= end:
                changed[sector] = data[start - at:start - at + SECTOR]
                continue
            old = bytearray(self.now(sector))
            low, high = max(start, at), min(start + SECTOR, end)
            old[low - start:high - start] = data[low - at:high - at]
            changed[sector] = bytes(old)
        self.pending.append((number, changed, max(self.last_size(), end)))

    def truncate(self, number, size):
        touched = set(self.sectors).union(*(changed for _, changed, _ in self.pending))
        changed = {s: bytes(SECTOR) for s in touched if s * SECTOR >= size}
        if size % SECTOR and size // SECTOR in touched:
            changed[size // SECTOR] = self.now(size // SECTOR)[:size % SECTOR].ljust(SECTOR, b"\0")
        self.pending.append((number, changed, size))

    def flush(self, began):
        while self.pending and self.pending[0][0] < began:
            _, changed, self.size = self.pending.pop(0)
            self.sectors.update(changed)

    def after(self, choice):
        """(sectors, size) when the power has gone and choice says what has arrived of the rest."""
        sectors, size = dict(self.sectors), self.size
        for changed, size in choice.of_blocks(self.pending, self.size):
            sectors.update(changed)
        return sectors, size


class Names:
    """A directory: durable names, and changes of names that are not durable yet."""

    def __init__(self):
        self.names = {}
        self.pending = []  # (number, {name: node or None})

    def now(self):
        names = dict(self.names)
        for _, changed in self.pending:
            names.update(changed)
        return names

    def change(self, number, changed):
        self.pending.append((number, changed))

    def flush(self, began):
        while self.pending and self.pending[0][0] < began:
            self.names.update(self.pending.pop(0)[1])

    def after(self, choice):
        names = dict(self.names)
        for changed in choice.of_names(self.pending):
            names.update(changed)
        return {name: node for name, node in names.items() if node}


class Storage:
    """The disks and the directory of records of one machine, fed with the records of what is done to them."""

    def __init__(self, disks, tree, ids):
        self.nodes, self.count = {}, 0
        self.disks = [self.nodes.setdefault(disk.node(), Blocks(disk.base_sector, disk.size)) for disk in disks]
        self.top = self._load("", tree, ids)

    def _load(self, path, tree, ids):
        if isinstance(tree, dict):
            node = Names()
            node.names = {name: self._load(f"{path}/{name}", child, ids) for name, child in tree.items()}
        else:
            node = self._file(tree)
        self.nodes[ids[path]] = node
        return node

    @staticmethod
    def _file(data=b""):
        node = Blocks(lambda sector: bytes(SECTOR), len(data))
        node.sectors = {at // SECTOR: data[at:at + SECTOR].ljust(SECTOR, b"\0") for at in range(0, len(data), SECTOR)}
        return node

    def feed(self, op, first=0):
        """One record; first: how many there were before its log began."""
        number, kind = self.count, op["op"]
        self.count += 1
        if kind == "flush":
            nodes = self.nodes.values() if op["node"] == "*" else [self.nodes[op["node"]]]
            for node in nodes:
                node.flush(op["began"] + first)
        elif kind == "write":
            self.nodes[op["node"]].write(number, op["at"], op["data"])
        elif kind == "truncate":
            self.nodes[op["node"]].truncate(number, op["size"])
        elif kind == "set":
            self.nodes[op["node"]] = node = Names() if op["kind"] == "dir" else self._file()
            self.nodes[op["dir"]].change(number, {op["name"]: node})
        elif kind == "unset":
            self.nodes[op["dir"]].change(number, {op["name"]: None})
        elif kind == "rename":
            if op["dir"] != op["to_dir"]:
                raise RuntimeError("a rename between two directories is not modelled")
            node = self.nodes[op["dir"]].now()[op["name"]]
            self.nodes[op["dir"]].change(number, {op["name"]: None, op["to_name"]: node})

    def after(self, of_disks, of_records):
        """What is there when the power comes back: ({sector: bytes} of each disk, tree of the records)."""
        return [disk.after(of_disks)[0] for disk in self.disks], self._tree(self.top, of_records)

    def _tree(self, node, choice):
        if isinstance(node, Names):
            return {name: self._tree(child, choice) for name, child in sorted(node.after(choice).items())}
        sectors, size = node.after(choice)
        data = b"".join(sectors.get(s, bytes(SECTOR)) for s in range((size + SECTOR - 1) // SECTOR))
        return data[:size]

    def pending_disks(self):
        return max((len(disk.pending) for disk in self.disks), default=0)

    def pending_records(self):
        return max(len(node.pending) for node in self.nodes.values() if node not in self.disks)


# What has arrived of that which was not durable.

class Nothing:
    @staticmethod
    def of_blocks(pending, size):
        return []

    @staticmethod
    def of_names(pending):
        return []


class Everything:
    @staticmethod
    def of_blocks(pending, size):
        return [(changed, size) for _, changed, size in pending]

    @staticmethod
    def of_names(pending):
        return [changed for _, changed in pending]


class Subset:
    """Whole writes and whole changes of names: the n-th of each node when bit n is set. Sizes are those of what has
    arrived, or all of them have arrived before any of the data has."""

    def __init__(self, bits, sizes_first=False):
        self.bits, self.sizes_first = bits, sizes_first

    def of_blocks(self, pending, size):
        if self.sizes_first and pending:
            yield {}, pending[-1][2]
        for n, (_, changed, new_size) in enumerate(pending):
            size = pending[-1][2] if self.sizes_first else max(size, new_size)
            if self.bits >> n & 1:
                yield changed, size

    def of_names(self, pending):
        return [changed for n, (_, changed) in enumerate(pending) if self.bits >> n & 1]


class Prefix:
    """Every write but the last is whole; of the last one, so many sectors."""

    def __init__(self, sectors):
        self.sectors = sectors

    def of_blocks(self, pending, size):
        for n, (_, changed, size) in enumerate(pending):
            if n == len(pending) - 1:
                changed = dict(itertools.islice(sorted(changed.items()), self.sectors))
            yield changed, size

    of_names = staticmethod(Everything.of_names)


class Drawn:
    """Each sector has the contents after any of the writes to it, or none; each name likewise."""

    def __init__(self, random):
        self.random, self.share = random, random.choice((0.03, 0.2, 0.5, 0.8, 0.97))

    def of_blocks(self, pending, size):
        sizes = [size] + [s for _, _, s in pending]
        size = self.random.choice(sizes)
        for _, changed, _ in pending:
            yield {s: data for s, data in changed.items() if self.random.random() < self.share}, size

    def of_names(self, pending):
        return [changed for _, changed in pending if self.random.random() < self.share]


def every_choice(pending, most):
    """All subsets of whole writes when they are few; when they are many: none, all, the first or the last alone, all but
    one of these."""
    everything = (1 << pending) - 1
    if pending <= most:
        bits = range(everything + 1)
    else:
        last = 1 << (pending - 1)
        bits = [0, everything, 1, last, everything ^ 1, everything ^ last]
    for b in bits:
        yield Subset(b)
        if b != everything:
            yield Subset(b, sizes_first=True)


# The real files that the program is let loose on.

class Disk:
    """An image or a block device: brought to any state by writing what differs, told by the hash of its contents."""

    def __init__(self, path, pristine):
        self.path, self.pristine = path, pristine  # pristine: a file with the contents before
        self.touched = set()  # sectors that ever differed from the pristine ones; put() covers them all
        self.base = open(pristine, "rb", buffering=0)
        self.size = os.stat(pristine).st_size
        self.restore()

    def node(self):
        st = os.stat(self.path)
        return f"disk:{st.st_rdev}" if st.st_rdev else f"{st.st_dev}:{st.st_ino}"

    def base_sector(self, sector):
        return os.pread(self.base.fileno(), SECTOR, sector * SECTOR)

    def restore(self):
        """In place: the inode is what the log knows it by."""
        with open(self.path, "r+b", buffering=0) as file:
            if os.path.isfile(self.path):
                file.truncate(0)
                file.truncate(self.size)
            for at, data in self._data(self.base.fileno()):
                os.pwrite(file.fileno(), data, at)
            if not os.path.isfile(self.path):
                os.fsync(file.fileno())

    def put(self, sectors):
        """From the base with other sectors than these touched before, to exactly these."""
        with open(self.path, "r+b", buffering=0) as file:
            for sector in self.touched - sectors.keys():
                os.pwrite(file.fileno(), self.base_sector(sector), sector * SECTOR)
            for sector, data in sectors.items():
                os.pwrite(file.fileno(), data, sector * SECTOR)
        self.touched |= sectors.keys()

    def _data(self, fd):
        """(offset, bytes) of everything that is not a hole; a device has none."""
        at = 0
        is_device = stat.S_ISBLK(os.fstat(fd).st_mode)
        while at < self.size:
            try:
                at = at if is_device else os.lseek(fd, at, os.SEEK_DATA)
                end = self.size if is_device else os.lseek(fd, at, os.SEEK_HOLE)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                return
            at -= at % BLOCK
            end = min(self.size, end + -end % BLOCK)
            while at < end:
                data = os.pread(fd, min(1 << 20, end - at), at)
                if not data:
                    return
                yield at, data
                at += len(data)

    def sum(self):
        """SHA-256 of the contents, of which blocks of zeros are left out, so that holes cost nothing."""
        digest = hashlib.sha256()
        with open(self.path, "rb", buffering=0) as file:
            for at, data in self._data(file.fileno()):
                for piece in range(0, len(data), BLOCK):
                    block = data[piece:piece + BLOCK]
                    if block != ZERO_BLOCK:
                        digest.update(b"%d:" % (at + piece) + block)
        return digest.hexdigest()


def redo_of(records, folder=None):
    """What a record writes, read here anew: [{sector: bytes}] by disk, from the one record of the tree that was begun;
    only from one in a folder of this name. None: there is none."""
    for name, child in records.items():
        if isinstance(child, dict):
            found = redo_of(child, None if name == folder else folder)
            if found:
                return found
    if folder or json.loads(records.get("state", b"{}")).get("state") not in ("committing", "finished"):
        return None
    data, at, disks = records["blocks.redo"], 24, {}
    while True:
        disk, length, offset = struct.unpack_from("<IIQ", data, at)
        if not length:
            return [disks.get(n, {}) for n in range(max(disks) + 1)]
        at += 48
        disks.setdefault(disk, {}).update({(offset + n) // SECTOR: data[at + n:at + n + SECTOR]
                                           for n in range(0, length, SECTOR)})
        at += length


def tree_ids(top, path=""):
    """What the recorder calls the files of a tree."""
    st = os.lstat(top + path)
    ids = {path: f"{st.st_dev}:{st.st_ino}"}
    if os.path.isdir(top + path):
        for name in os.listdir(top + path):
            ids.update(tree_ids(top, f"{path}/{name}"))
    return ids


def put_tree(tree, path):
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o700)
    for name, child in tree.items():
        below = os.path.join(path, name)
        if isinstance(child, dict):
            put_tree(child, below)
        else:
            with open(below, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(child)


def get_tree(path):
    if os.path.isdir(path):
        return {name: get_tree(os.path.join(path, name)) for name in sorted(os.listdir(path))}
    with open(path, "rb") as file:
        return file.read()
