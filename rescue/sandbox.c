/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/sandbox.h"
#include "base/log.h"
#include "base/mem.h"
#include "fs/mount.h"
#include "rescue/boot.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NOBODY	   65534
#define MEMORY_MAX (512ul << 20)

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif

/* No sockets: neither the network nor a service of this machine can be spoken to. A network
 * namespace of its own would take ten times as long. */
static int forbid_sockets(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter ? 0 : -ENOMEM;

	/* Programs that check file systems run under this filter, too; slowing them down because
	 * they have one helps nobody. Kernels that cannot tell do not mind. */
	if (!rc) {
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
	}
	if (!rc) /* makes sockets, too */
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(io_uring_setup), 0);
	if (!rc)
		rc = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return rc ? err_errno(err, -rc, "the network could not be taken away") : 0;
}

int sandbox_surgeon(bool shall_mount, struct err *err)
{
	const struct rlimit none = { 0, 0 };
	struct err not_allowed = ERR_INIT;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "no_new_privs");
	setrlimit(RLIMIT_CORE, &none);
	/* main() took this away for the sake of credentials, and there are none here; without it
	 * /proc/self is closed to a process that is not root. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (forbid_sockets(err) < 0)
		return -1;
	if (!shall_mount || !mount_private_namespace(&not_allowed))
		return 0;
	if (!geteuid()) {
		*err = not_allowed;
		return -1;
	}
	/* It is for the check of the overlay by e2fsck; the surgeon says that that is left out. */
	log_debug("sandbox", "%s", not_allowed.text);
	return 0;
}

/* Where a group may use KVM, that group is all that is kept. */
static int keep_groups(void)
{
	struct stat st;

	if (!stat("/dev/kvm", &st) && (st.st_mode & 060) == 060 && st.st_gid)
		return setgroups(1, &st.st_gid);
	return setgroups(0, NULL);
}

static int drop_privileges(bool keeps_kvm, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (!geteuid()) {
		for (unsigned long cap = 0; cap < 64; cap++)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
		if ((keeps_kvm ? keep_groups() : setgroups(0, NULL)) < 0 ||
		    setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
			return err_errno(err, errno, "root could not be given up");
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none) < 0)
		return err_errno(err, errno, "capabilities could not be given up");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "no_new_privs");
	return 0;
}

static int limit(int what, rlim_t max, struct err *err)
{
	const struct rlimit value = { max, max };

	if (setrlimit((__rlimit_resource_t)what, &value) < 0)
		return err_errno(err, errno, "a resource limit could not be set");
	return 0;
}

static int limit_resources(uint32_t cpu_s, struct err *err)
{
#ifndef HAS_SHADOW_MEMORY
	if (limit(RLIMIT_AS, MEMORY_MAX, err) < 0)
		return -1;
#endif
	if (limit(RLIMIT_CPU, cpu_s, err) < 0 || limit(RLIMIT_FSIZE, 0, err) < 0 ||
	    limit(RLIMIT_CORE, 0, err) < 0 || limit(RLIMIT_NPROC, 0, err) < 0 ||
	    limit(RLIMIT_NOFILE, SANDBOX_CHANNEL + 1, err) < 0)
		return -1;
	return 0;
}

/* What the examiner may ask of the kernel: memory that is never executable and never a file, the
 * clock, its own signals, its own end, and its channel. */
struct rule {
	int call;
	unsigned count; /* of conditions, all of which must hold */
	struct scmp_arg_cmp when[2];
};

#define IS(arg, value)                     \
	{                                  \
		arg, SCMP_CMP_EQ, value, 0 \
	}
#define BITS(arg, mask, value)                       \
	{                                            \
		arg, SCMP_CMP_MASKED_EQ, mask, value \
	}

static const struct rule allowed[] = {
	{ .call = SCMP_SYS(sendto), 1, { IS(0, SANDBOX_CHANNEL) } },
	{ .call = SCMP_SYS(recvfrom), 1, { IS(0, SANDBOX_CHANNEL) } },
	{ .call = SCMP_SYS(mmap),
	  2,
	  { BITS(2, PROT_EXEC, 0), BITS(3, MAP_ANONYMOUS, MAP_ANONYMOUS) } },
	{ .call = SCMP_SYS(mprotect), 1, { BITS(2, PROT_EXEC, 0) } },
	{ .call = SCMP_SYS(brk) },
	{ .call = SCMP_SYS(munmap) },
	{ .call = SCMP_SYS(mremap) },
	{ .call = SCMP_SYS(madvise) },
	{ .call = SCMP_SYS(futex) },
	{ .call = SCMP_SYS(sched_yield) },
	{ .call = SCMP_SYS(getrandom) },
	{ .call = SCMP_SYS(clock_gettime) },
	{ .call = SCMP_SYS(gettimeofday) },
	{ .call = SCMP_SYS(time) },
	{ .call = SCMP_SYS(sysinfo) }, /* glibc's qsort asks how much memory there is */
	{ .call = SCMP_SYS(getpid) },
	{ .call = SCMP_SYS(gettid) },
	{ .call = SCMP_SYS(rt_sigaction) },
	{ .call = SCMP_SYS(rt_sigprocmask) },
	{ .call = SCMP_SYS(rt_sigreturn) },
	{ .call = SCMP_SYS(sigaltstack) },
	{ .call = SCMP_SYS(restart_syscall) },
	{ .call = SCMP_SYS(exit) },
	{ .call = SCMP_SYS(exit_group) },
};

/* Last words on the closed standard error get an error, so that the death that follows tells the
 * reason and not this. */
static const struct rule closed[] = {
	{ .call = SCMP_SYS(write), 1, { IS(0, STDERR_FILENO) } },
	{ .call = SCMP_SYS(writev), 1, { IS(0, STDERR_FILENO) } },
};

static int add_rules(scmp_filter_ctx filter)
{
	/* abort() signals the process itself; other processes stay out of reach. */
	const struct scmp_arg_cmp itself = IS(0, (scmp_datum_t)getpid());
	int rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &itself);

	for (size_t i = 0; i < ARRAY_LEN(allowed) && !rc; i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i].call,
					    allowed[i].count, allowed[i].when);
	for (size_t i = 0; i < ARRAY_LEN(closed) && !rc; i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EBADF), closed[i].call,
					    closed[i].count, closed[i].when);
	return rc;
}

static int load_filter(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? add_rules(filter) : -ENOMEM;

	if (!rc)
		rc = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	if (rc)
		return err_errno(err, -rc, "the seccomp filter could not be loaded");
	return 0;
}

int sandbox_examiner(int channel_fd, uint32_t cpu_s, int parent, struct err *err)
{
	if (channel_fd != SANDBOX_CHANNEL && dup2(channel_fd, SANDBOX_CHANNEL) < 0)
		return err_errno(err, errno, "channel");
	if (close_range(SANDBOX_CHANNEL + 1, ~0u, 0) < 0 ||
	    close_range(0, SANDBOX_CHANNEL - 1, 0) < 0)
		return err_errno(err, errno, "descriptors could not be closed");
	if (drop_privileges(false, err) < 0)
		return -1;
	/* After the change of uid, which would reset both. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	if (limit_resources(cpu_s, err) < 0)
		return -1;
	return load_filter(err);
}

/* The loopback device, up, with the address that the rehearser knocks from. */
static int raise_loopback(struct err *err)
{
	cleanup(fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK };
	struct ifreq named = { .ifr_name = "lo:1" };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(BOOT_OUTSIDE) };

	memcpy(&named.ifr_addr, &address, sizeof(address));
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up) < 0 || ioctl(fd, SIOCSIFADDR, &named) < 0)
		return err_errno(err, errno, "the loopback device of the rehearsal");
	return 0;
}

/* Kernels before 5.12 cannot; nobody's uid is what counts there. */
static void make_mounts_read_only(void)
{
#ifdef SYS_mount_setattr
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };

	if (syscall(SYS_mount_setattr, -1, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		log_debug("sandbox", "the mounts stay writable: %s", strerror(errno));
#endif
}

int sandbox_rehearser(struct err *err)
{
	const struct rlimit none = { 0, 0 };
	int spaces = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;

	if (unshare(geteuid() ? spaces | CLONE_NEWUSER : spaces) < 0) {
		err_errno(
			err, errno,
			"a boot needs a network that only it can reach (unshare), and that is not "
			"allowed here; run this as root");
		err->code = ERR_TOOL;
		return -1;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, errno, "the mounts of the rehearsal");
	make_mounts_read_only();
	if (raise_loopback(err) < 0)
		return -1;
	setrlimit(RLIMIT_CORE, &none);
	return drop_privileges(true, err);
}
