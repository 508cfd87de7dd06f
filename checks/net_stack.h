/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NET_STACK_H
#define CHECKS_NET_STACK_H

/* Which programs configure the network at boot. The files in /etc/sysconfig have a model of their
 * own (checks/ifcfg.h).
 *
 * Source: netplan(5) and the generator of netplan.io (it starts systemd-networkd by itself for its
 * files); interfaces(5), networking.service of Debian; NetworkManager(8). */

#include "checks/machine.h"

bool net_has_networkd(const struct machine *); /* started at boot, netplan's work included */
bool net_has_nm(const struct machine *);
bool net_has_ifupdown(
	const struct machine *); /* Debian's, which refuses a file at the first error */
bool net_has_netplan_program(const struct machine *);
bool net_has_netplan(const struct machine *); /* its generator runs, and there are files for it */
/* ifcfg files, wicked, dhcpcd, connman, a script of one's own: something else brings cards up. */
bool net_has_other(const struct machine *);
/* Files in networkd's and NetworkManager's folders in /etc, whatever is in them. */
bool net_has_networkd_files(const struct machine *);
bool net_has_nm_files(const struct machine *);
/* A name in the directory ends so. */
bool net_has_file(const struct machine *, const char *dir, const char *end);

#endif
