/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_LEASES_H
#define CHECKS_LEASES_H

/* DHCP leases that an earlier boot left on the volume: what the network said of itself. */

#include "base/ipaddr.h"
#include "checks/machine.h"

struct lease {
	char device[16];
	struct ip address, router; /* router: b all zero when the lease has none */
	struct ip_net subnet;	   /* addr: the leased address; mask: of the lease */
	bool has_router;
};

/* The newest lease for the interface that can be read; false: there is none. ISC dhclient's files
 * of Debian, Red Hat and NetworkManager, else what networkd said to the journal.
 * Source: dhclient.leases(5); src/network/networkd-dhcp4.c of systemd. */
bool lease_find(const struct machine *, const char *device, struct lease *ret);

#endif
