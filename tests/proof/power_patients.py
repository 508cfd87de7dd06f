# SPDX-License-Identifier: GPL-2.0-or-later
"""The sick systems of proof-power: how each is made, and the real program let loose on it."""
import os
import pathlib
import shutil
import subprocess
import time

from power import Disk, put_tree, read_log

BUILD = pathlib.Path(__file__).resolve().parents[2] / os.environ.get("BUILD", "build")
PROGRAM, RECORDER = str(BUILD / "ec2-rescue"), str(BUILD / "tests/proof/tool-recorder")

FILES = {
    "etc/fstab": "UUID=00000000-1111-2222-3333-444444444444 /data ext4 defaults 0 2\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/os-release": "ID=test\n",
    "etc/ssh/sshd_config": "Port 22\n",
}
FOLDERS = ["usr/bin", "usr/lib", "bin", "sbin", "boot", "var", "home", "root", "dev", "proc", "sys", "run", "tmp", "data"]


def sh(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def last_line(words):
    return (words.strip().splitlines() or [""])[-1]


def make_tree(top, files):
    for folder in FOLDERS if files is FILES else []:
        (top / folder).mkdir(parents=True)
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)


EXT4 = ("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-d", "{tree}")
CHECKS = {"ext4": ("e2fsck", "-fn"), "xfs": ("xfs_repair", "-n"), "btrfs": ("btrfs", "check", "--readonly")}


class Skip(Exception):
    pass


class Patient:
    """A sick system on disks of its own, and a state directory."""

    def __init__(self, name, kind, size, mkfs, how="", more=None):
        self.name, self.kind, self.size, self.mkfs, self.how, self.more = name, kind, size, mkfs, how, more
        self.is_clean, self.cleaners = {}, []

    def prepare(self, folder):
        self.folder, self.state = folder, folder / "state"
        (folder / "scratch").mkdir()
        make_tree(folder / "tree", FILES)
        self.make("root.pristine", folder / "tree")
        paths = [folder / "root.img"]
        if self.more:
            make_tree(folder / "more", self.more)
            self.make("more.pristine", folder / "more")
            paths.append(folder / "more.img")
        for path in paths:
            shutil.copyfile(path.with_suffix(".pristine"), path)
        if "device" in self.how:
            paths[0] = pathlib.Path(sh("losetup", "-f", "--show", str(paths[0])).strip())
            self.cleaners.append(lambda: sh("losetup", "-d", str(paths[0])))
        self.disks = [Disk(str(path), str(folder / name)) for path, name in zip(paths, ("root.pristine", "more.pristine"))]
        put_tree({}, self.state)

    def make(self, name, tree):
        image = self.folder / name
        if os.geteuid():
            raise Skip("needs root to look into the processes of the program")
        if self.kind not in pathlib.Path("/proc/filesystems").read_text() and \
                subprocess.run(["modprobe", "-q", self.kind], check=False).returncode:
            raise Skip(f"no {self.kind} in this kernel")
        with open(image, "wb") as file:
            file.truncate(self.size << 20)
        sh(*(part.format(tree=tree) for part in self.mkfs), str(image))
        if "{tree}" not in self.mkfs:
            with self.mounted(image) as top:
                sh("cp", "-a", f"{tree}/.", top)
        if "dirty" in self.how:
            with self.mounted(image) as top:
                pathlib.Path(top, "etc/dirty").write_text("written, and then the power went\n" * 50)
                sh("sync", f"{top}/etc/dirty", f"{top}/etc")
                sh("cp", "--sparse=always", str(image), f"{image}.dirty")
            os.rename(f"{image}.dirty", image)
        sh("cp", "--sparse=always", str(image), f"{image}.holes")
        os.rename(f"{image}.holes", image)

    def mounted(self, image):
        patient = self

        class Mounted:
            def __enter__(self):
                self.top = patient.folder / "mnt"
                self.top.mkdir(exist_ok=True)
                sh("mount", "-o", "loop", str(image), str(self.top))
                return str(self.top)

            def __exit__(self, *_):
                sh("umount", str(self.top))
                # Another patient's surgeon, in a copy of these mounts, may hold it a little longer.
                for _ in range(600):
                    if not sh("losetup", "-j", str(image)):
                        return
                    time.sleep(0.05)
                raise RuntimeError(f"{image} stays mounted somewhere")

        return Mounted()

    def close(self):
        for clean in self.cleaners:
            clean()

    # The program

    def run(self, command, record=None, kill=0):
        line = [PROGRAM, command, *(["--yes"] if command == "repair" else []), "--state-dir", str(self.state)]
        line += [a for d in self.disks[1:] for a in ("--with", d.path)] + [self.disks[0].path]
        if record:
            watched = [a for path in [d.path for d in self.disks] + [self.state] for a in ("-w", str(path))]
            line = [RECORDER, "-o", record] + (["-k", str(kill)] if kill else []) + watched + line
        environment = dict(os.environ, TMPDIR=str(self.folder / "scratch"))
        if record:  # LeakSanitizer does not work in a process that is traced
            environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        done = subprocess.run(line, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              env=environment, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    def boot(self):
        """The power is back: a disk that is not the first may have another name."""
        for disk in self.disks[1:]:
            other = disk.path[:-1] if disk.path.endswith("2") else disk.path + "2"
            os.rename(disk.path, other)
            disk.path = other

    def record(self, command, kill=0):
        """(records, exit status, words)."""
        log = str(self.folder / "log")
        status, words = self.run(command, log, kill)
        return read_log(log), status, words

    def put_disks(self, sectors):
        for disk, changed in zip(self.disks, sectors):
            disk.put(changed)

    def put(self, state):
        self.put_disks(state[0])
        put_tree(state[1], self.state)

    def sums(self):
        return tuple(disk.sum() for disk in self.disks)

    def finds_clean(self, sums):
        """What the file system's own program says; asked once for each contents."""
        if sums not in self.is_clean:
            self.is_clean[sums] = all(
                subprocess.run([*CHECKS[self.kind], d.path], capture_output=True, check=False).returncode == 0
                for d in self.disks)
        return self.is_clean[sums]


PATIENTS = (
    Patient("ext4", "ext4", 16, EXT4 + ("-O", "metadata_csum")),
    Patient("ext4 without checksums", "ext4", 16, EXT4 + ("-O", "^metadata_csum")),
    Patient("ext4 with a dirty journal", "ext4", 16, EXT4, "dirty"),
    Patient("ext4 on a block device", "ext4", 16, EXT4, "device"),
    Patient("ext4 that was booted since", "ext4", 16, EXT4, "booted"),
    Patient("ext4 on two disks", "ext4", 16, EXT4, more={"log/messages": "Nov 22 03:00:00 boot\n"}),
    Patient("btrfs", "btrfs", 110, ("mkfs.btrfs", "-q", "-f")),
    Patient("btrfs with a log", "btrfs", 110, ("mkfs.btrfs", "-q", "-f"), "dirty"),
    Patient("xfs", "xfs", 300, ("mkfs.xfs", "-q", "-f")),
    Patient("xfs with a dirty log", "xfs", 300, ("mkfs.xfs", "-q", "-f"), "dirty"),
)
