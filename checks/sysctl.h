/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SYSCTL_H
#define CHECKS_SYSCTL_H

/* Kernel parameters as a boot of the volume leaves them: all assignments in the order in which they
 * are written, so that the last one of a key counts.
 *
 * With systemd-sysctl: files *.conf of /etc/sysctl.d, /run/sysctl.d, /usr/local/lib/sysctl.d and
 * /usr/lib/sysctl.d by name, an earlier directory hides; /etc/sysctl.conf only where a link
 * (99-sysctl.conf) leads to it, as Debian 13 has none any more. Without systemd: the same files, then
 * /etc/sysctl.conf (`sysctl --system`, apply_sysctl of initscripts).
 *
 * Source: sysctl.d(5), systemd-sysctl(8), sysctl(8), sysctl.conf(5). What ufw (/etc/ufw/sysctl.conf),
 * tuned, a kernel's command line or a script sets is not seen here. */

#include "checks/machine.h"

struct sysctl_item {
	char *key;   /* as below /proc/sys, with slashes: "net/ipv4/conf/eth0.7/rp_filter"; may be a
			pattern of glob(7) */
	char *value; /* trimmed; NULL: "-key" alone, which takes the key out of patterns */
	char *path;  /* the file's own path, also when a link led to it */
	uint32_t line;
	bool is_glob, may_fail;
};
struct sysctls {
	struct sysctl_item *items;
	size_t count, room;
};

/* Worked out once and kept. Never NULL. */
const struct sysctls *sysctl_model(const struct machine *);
/* The assignment that counts for a key, written with dots or slashes ("net.ipv4.ip_forward"): its own
 * last one, else the last pattern that matches; NULL: none. Two names of one switch
 * (net.ipv4.ip_forward and net.ipv4.conf.all.forwarding) are two keys: see sysctl_last. */
const struct sysctl_item *sysctl_find(const struct machine *, const char *key);
/* Of several keys the assignment that is written last; keys end with NULL. */
const struct sysctl_item *sysctl_last(const struct machine *, const char *const keys[]);
/* Its number as the kernel reads one: decimal, octal (0…) or hexadecimal, anything may stand behind
 * a blank. False for NULL and for no number. */
bool sysctl_number(const struct sysctl_item *, int64_t *ret);
/* The keys of one file's text, for files that sysctl does not read by itself (/etc/ufw/sysctl.conf).
 * Appends; sysctls_done frees. */
void sysctl_parse(const struct str *text, const char *path, struct sysctls *ret);
void sysctls_done(struct sysctls *);
DEFINE_CLEANUP_DONE(struct sysctls, sysctls_done)

#endif
