/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SSHD_WITNESS_H
#define CHECKS_SSHD_WITNESS_H

/* What else on the volume (or in the cloud) speaks for an address or a port that sshd is told to
 * use. */

#include "base/ipaddr.h"
#include "checks/machine.h"

enum address_verdict { ADDRESS_OURS, ADDRESS_STALE, ADDRESS_UNKNOWN };

/* Is this IPv4 address one of the instance? The cloud's interfaces decide when they are known; else
 * it is ours when the network configuration, a lease or a log of a working sshd names it, and stale
 * when leases or logs name other addresses and never this one. */
enum address_verdict witness_address(const struct machine *, const char *address);
/* Is there a reason to believe that the instance is reached over IPv6? */
bool witness_ipv6(const struct machine *);
/* Does a firewall, SELinux or fail2ban file know the port: was it moved on purpose? */
bool witness_port(const struct machine *, uint32_t port);
/* The addresses from which somebody has logged in, by sshd's own words in the logs and the journal;
 * each once, at most 1000. */
VEC_TYPE(witness_clients, struct ip);
static inline void witness_clients_done(struct witness_clients *clients)
{
	vec_done(clients);
}
DEFINE_CLEANUP_DONE(struct witness_clients, witness_clients_done)
void witness_clients(const struct machine *, struct witness_clients *ret);

#endif
