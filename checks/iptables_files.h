/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_IPTABLES_FILES_H
#define CHECKS_IPTABLES_FILES_H

/* Which files of saved rules are loaded at boot on this volume, and by what. */

#include "checks/iptables_eval.h"
#include "checks/machine.h"

struct ipt_file {
	char *path;
	bool is_v6;
	char *loader;		/* "iptables.service", "/etc/network/interfaces" */
	bool is_contested;	/* firewalld is started too, and one stops the other */
	bool is_vital;		/* sshd or the network requires the loader: it must not fail */
	const struct str *text; /* borrowed from the machine */
};
struct ipt_files {
	struct ipt_file *items;
	size_t count, room;
};

/* Files that exist and are loaded. ERR_IO and such: could not tell. */
int ipt_files_find(const struct machine *, struct ipt_files *ret, struct err *)
	__attribute__((warn_unused_result));
void ipt_files_done(struct ipt_files *);
DEFINE_CLEANUP_DONE(struct ipt_files, ipt_files_done)

/* The rules of one file, read with the volume's names. */
void ipt_file_read(const struct machine *, const struct ipt_file *, const struct str *text,
		   struct ipt_rules *ret);

/* The host for the evaluator: addresses and ranges from the cloud (or an old lease), interface
 * names from the configuration, ports of sshd. Holds what the other struct points to. */
struct ipt_host_facts {
	struct ipt_host host;
	VEC(struct ip) addrs;
	VEC(struct ip_net) vpc;
	VEC(const char *) ifaces;
	VEC(char *) names;
	VEC(uint16_t) ports;
	bool is_v6_only; /* sshd listens on IPv6 alone */
};
/* -1: where sshd listens cannot be told. */
int ipt_host_facts(const struct machine *, struct ipt_host_facts *ret, struct err *)
	__attribute__((warn_unused_result));
void ipt_host_facts_done(struct ipt_host_facts *);
DEFINE_CLEANUP_DONE(struct ipt_host_facts, ipt_host_facts_done)

/* The best of ipt_reach over sshd's ports; *ret_port: the port of that answer. */
void ipt_reach_sshd(struct ipt_rules *, const struct ipt_host *, struct ipt_reach *ret,
		    uint16_t *ret_port);

#endif
