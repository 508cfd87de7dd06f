/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine that QEMU is to be, as close to a Nitro instance as it gets: NVMe disks, one serial port,
 * and the first card where systemd calls it ens5. */
#include "base/file.h"
#include "base/proc.h"
#include "rescue/boot.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#define VARS_MAX (64u << 20)

static const struct {
	const char *programs[3];
	const char *package, *firmware_package, *host; /* uname -m where KVM can run it */
} arches[] = {
	[BOOT_X86_64] = { { "qemu-system-x86_64", "/usr/libexec/qemu-kvm" },
			  "qemu-system-x86",
			  "ovmf",
			  "x86_64" },
	[BOOT_ARM64] = { { "qemu-system-aarch64", "/usr/libexec/qemu-kvm" },
			 "qemu-system-arm",
			 "qemu-efi-aarch64",
			 "aarch64" },
};

/* Code that stays as it is, and the variables that it keeps, of which each machine has its own. */
static const struct firmware {
	enum boot_arch arch;
	const char *code, *vars;
} firmwares[] = {
	{ BOOT_X86_64, "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
	{ BOOT_X86_64, "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
	{ BOOT_X86_64, "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
	{ BOOT_X86_64, "/usr/share/qemu/ovmf-x86_64-code.bin",
	  "/usr/share/qemu/ovmf-x86_64-vars.bin" },
	{ BOOT_ARM64, "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd" },
	{ BOOT_ARM64, "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
	  "/usr/share/edk2/aarch64/vars-template-pflash.raw" },
	{ BOOT_ARM64, "/usr/share/qemu/aavmf-aarch64-code.bin",
	  "/usr/share/qemu/aavmf-aarch64-vars.bin" },
};

static const char *program_of(enum boot_arch arch)
{
	struct utsname host;

	for (size_t i = 0; arches[arch].programs[i]; i++) {
		/* The program without an architecture in its name is for the machine it is on. */
		bool is_named = arches[arch].programs[i][0] != '/';

		if (proc_have(arches[arch].programs[i]) &&
		    (is_named || (!uname(&host) && str_eq(host.machine, arches[arch].host))))
			return arches[arch].programs[i];
	}
	return NULL;
}

static const struct firmware *firmware_of(enum boot_arch arch)
{
	for (size_t i = 0; i < ARRAY_LEN(firmwares); i++)
		if (firmwares[i].arch == arch && !access(firmwares[i].code, R_OK) &&
		    !access(firmwares[i].vars, R_OK))
			return &firmwares[i];
	return NULL;
}

int boot_tools(enum boot_arch arch, bool is_uefi, struct err *err)
{
	if (!program_of(arch))
		return err_set(err, ERR_TOOL,
			       "a boot needs %s, which is not installed (package %s)",
			       arches[arch].programs[0], arches[arch].package);
	if (is_uefi && !firmware_of(arch))
		return err_set(err, ERR_TOOL,
			       "a boot of this volume needs UEFI firmware for QEMU, which is not "
			       "installed (package %s)",
			       arches[arch].firmware_package);
	return 0;
}

int boot_tools_are_here(struct err *err)
{
	struct err ignored = ERR_INIT;

	if (!proc_have("ssh-keyscan"))
		return err_set(err, ERR_TOOL,
			       "a boot needs ssh-keyscan, which is not installed (package "
			       "openssh-client or openssh-clients)");
	return !boot_tools(BOOT_ARM64, true, &ignored) ? 0 : boot_tools(BOOT_X86_64, false, err);
}

static void add(struct boot_command *c, const char *option, char *value)
{
	vec_push(&c->argv, mem_strdup(option));
	if (value)
		vec_push(&c->argv, value);
}

static bool kvm_is_usable(enum boot_arch arch)
{
	struct utsname host;

	return !uname(&host) && str_eq(host.machine, arches[arch].host) &&
	       !access("/dev/kvm", R_OK | W_OK);
}

/* Half of what is free, within what a small and a large instance have. */
static unsigned memory_mib(void)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;
	const char *line;
	unsigned long kib = 0;

	if (!file_read("/proc/meminfo", 65536, &text, &ignored) &&
	    (line = strstr(text.s, "MemAvailable:")))
		kib = strtoul(line + strlen("MemAvailable:"), NULL, 10);
	return kib / 2048 < 512 ? 512 : kib / 2048 > 2048 ? 2048 : (unsigned)(kib / 2048);
}

static int copy_vars(const char *path, int *ret, struct err *err)
{
	cleanup(str_done) struct str vars = STR_INIT;
	cleanup(fd_close) int fd = -1;

	if (file_read(path, VARS_MAX, &vars, err) < 0)
		return -1;
	fd = memfd_create("vars", 0);
	if (fd < 0 || fd_write_all(fd, vars.s, vars.len) < 0)
		return err_errno(err, errno, "the firmware's variables");
	*ret = TAKE_FD(fd);
	return 0;
}

static int add_firmware(struct boot_command *c, enum boot_arch arch, struct err *err)
{
	const struct firmware *firmware = firmware_of(arch);

	if (!firmware)
		return boot_tools(arch, true, err);
	if (copy_vars(firmware->vars, &c->firmware_vars, err) < 0)
		return -1;
	add(c, "-add-fd", mem_printf("fd=%d,set=1", c->firmware_vars));
	add(c, "-drive",
	    mem_printf("if=pflash,unit=0,format=raw,readonly=on,file=%s", firmware->code));
	add(c, "-drive",
	    mem_strdup("if=pflash,unit=1,format=raw,auto-read-only=off,"
		       "file=/dev/fdset/1"));
	return 0;
}

static void add_disks(struct boot_command *c, const struct boot_spec *spec, const int *disks)
{
	for (uint32_t i = 0; i < spec->disks; i++) {
		/* In the order of their slots the kernel numbers them: the root is nvme0n1. */
		char *slot = i ? mem_printf(",addr=0x%x", 0x10 + i)
			       : mem_strdup(",bootindex=1,addr=0x4");

		add(c, "-blockdev",
		    mem_printf("driver=nbd,node-name=d%u,server.type=fd,server.str=%d", i,
			       disks[i]));
		add(c, "-device",
		    spec->bus == BOOT_NVME
			    ? mem_printf("nvme,drive=d%u,serial=rehearsal%u%s", i, i, slot)
			    : mem_printf("virtio-blk-pci,drive=d%u%s", i, slot));
		free(slot);
	}
}

static char *dotted(uint32_t ip)
{
	return mem_printf("%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

static void add_network(struct boot_command *c, const struct boot_spec *spec)
{
	const struct boot_ip4 *ip = &spec->ip;
	const unsigned char *mac = spec->mac;
	cleanup(free) char *net = dotted(ip->net), *gateway = dotted(ip->gateway),
			   *dns = dotted(ip->dns), *address = dotted(ip->address),
			   *outside = dotted(BOOT_OUTSIDE);

	add(c, "-netdev",
	    mem_printf("user,id=n0,ipv6=off,net=%s/%u,host=%s,dns=%s,dhcpstart=%s,"
		       "hostfwd=tcp:%s:%u-%s:%u",
		       net, ip->prefix, gateway, dns, address, outside, BOOT_OUTSIDE_PORT, address,
		       spec->ssh_port));
	add(c, "-device",
	    mem_printf("virtio-net-pci,netdev=n0,addr=0x5,romfile=,mac="
		       "%02x:%02x:%02x:%02x:%02x:%02x",
		       mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]));
}

int boot_command_make(const struct boot_spec *spec, const int *disks, struct boot_command *ret,
		      struct err *err)
{
	cleanup(boot_command_done) struct boot_command c = BOOT_COMMAND_INIT;
	bool is_arm = spec->arch == BOOT_ARM64;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (boot_tools(spec->arch, spec->is_uefi, err) < 0)
		return -1;
	c.uses_kvm = spec->may_use_kvm && kvm_is_usable(spec->arch);
	add(&c, program_of(spec->arch), NULL);
	add(&c, "-nodefaults", NULL);
	add(&c, "-no-user-config", NULL);
	add(&c, "-sandbox",
	    mem_strdup("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
	/* Without graphics SeaBIOS speaks on the serial port, and so does what it cannot start. */
	add(&c, "-machine", mem_strdup(is_arm ? "virt" : "pc,graphics=off"));
	add(&c, "-accel", mem_strdup(c.uses_kvm ? "kvm" : "tcg"));
	add(&c, "-cpu", mem_strdup(c.uses_kvm ? "host" : is_arm ? "cortex-a72" : "max"));
	add(&c, "-smp", mem_strdup(cpus > 1 ? "2" : "1"));
	add(&c, "-m", mem_printf("%u", memory_mib()));
	add(&c, "-display", mem_strdup("none"));
	add(&c, "-chardev", mem_printf("stdio,id=c0,signal=off%s", is_arm ? ",mux=on" : ""));
	add(&c, "-serial", mem_strdup("chardev:c0"));
	if (is_arm) /* there the first port is ttyAMA0, on EC2 it is ttyS0 */
		add(&c, "-device", mem_strdup("pci-serial,chardev=c0"));
	if (spec->is_uefi && add_firmware(&c, spec->arch, err) < 0)
		return -1;
	add_disks(&c, spec, disks);
	add_network(&c, spec);
	add(&c, "-device", mem_strdup("virtio-rng-pci"));
	vec_push(&c.argv, NULL);
	*ret = c;
	c = BOOT_COMMAND_INIT;
	return 0;
}

void boot_command_done(struct boot_command *c)
{
	vec_foreach (word, &c->argv)
		free(*word);
	vec_done(&c->argv);
	fd_close(TAKE_FD(c->firmware_vars));
}
