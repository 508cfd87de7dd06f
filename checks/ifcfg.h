/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_IFCFG_H
#define CHECKS_IFCFG_H

/* The network configuration in /etc/sysconfig as its readers see it: the initscripts of Red Hat
 * and Amazon Linux (network.service), NetworkManager with its ifcfg-rh plugin, SUSE's wicked.
 *
 * Source: sysconfig.txt of initscripts (ifcfg-<name>, /etc/sysconfig/network);
 * nm-settings-ifcfg-rh(5); SUSE ifcfg(5). */

#include "checks/check.h"
#include "fs/shellvars.h"

enum ifcfg_by { IFCFG_NOBODY, IFCFG_INITSCRIPTS, IFCFG_NM, IFCFG_WICKED };
enum ifcfg_address {
	IFCFG_DHCP,
	IFCFG_STATIC,
	IFCFG_NO_ADDRESS, /* comes up without any address */
	IFCFG_UNSURE,	  /* IPv6 only, an unusual method, shell code */
};

struct ifcfg {
	char *path, *name; /* name: what follows "ifcfg-" */
	struct shellvars vars;
	const char *device; /* DEVICE; "" when it is found by HWADDR alone */
	enum ifcfg_by by;   /* who brings it up */
	bool is_nic;	    /* a plain Ethernet interface with its own configuration */
	bool is_part;	    /* of a bridge, bond, team or switch */
	bool is_on_boot;
	bool is_unsure; /* holds shell code or an open quote: values are not certain */
	bool is_cloud_inits;
	enum ifcfg_address address;
};

struct ifcfgs {
	struct ifcfg *items;
	size_t count, room;
	bool is_read; /* something on this volume reads these files; false: they are nothing */
	bool has_initscripts, has_nm, has_wicked; /* who reads them at boot */
	bool is_disabled; /* their reader is not started at boot, and no other network stack is */
	const char *dir;
	const char *network_path; /* /etc/sysconfig/network; NULL on SUSE */
	bool has_network_file;
	struct shellvars network; /* its contents */
	struct ifcfg *primary;	  /* of the interface with device index 0; NULL: there is none */
	bool is_primary_certain;
};

/* ERR_IO and such: could not tell. */
int ifcfgs_read(const struct machine *, struct ifcfgs *ret, struct err *)
	__attribute__((warn_unused_result));
void ifcfgs_done(struct ifcfgs *);
DEFINE_CLEANUP_DONE(struct ifcfgs, ifcfgs_done)

/* The value; "" when it is not set or not certain. */
const char *ifcfg_get(const struct ifcfg *, const char *name);
const char *ifcfgs_network_get(const struct ifcfgs *, const char *name);
/* Of the first variable that is set, e.g. IPADDR, IPADDR0; NULL: none. */
const char *ifcfg_first(const struct ifcfg *, const char *const *names);
/* The line of the assignment that counts; 0: none. */
uint32_t ifcfg_line(const struct ifcfg *, const char *name);
/* NetworkManager's and initscripts' word for no: "no", "false", "f", "n", "0" in any case. */
bool ifcfg_is_no(const char *value);
/* A setting without which an interface gets no address or no way out. */
bool ifcfg_is_vital(const char *name);
/* Do the kernel's names eth0, eth1 hold here (net.ifnames=0, or a system from before)? */
bool ifcfg_names_are_eth(const struct machine *);
/* What the cloud knows of the interface of this file; NULL: nothing. By HWADDR, then by the number
 * in eth0, then by being the only one. */
const struct cloud_interface *ifcfg_cloud_interface(const struct machine *, const struct ifcfgs *,
						    const struct ifcfg *);
/* Interface files that would come up with an address at boot, other than `except`. */
bool ifcfgs_other_is_up(const struct ifcfgs *, const struct ifcfg *except);
/* Comes up at boot, or will once what keeps the only interface down is repaired: so that its other
 * faults are found in the same pass. */
bool ifcfg_is_meant_up(const struct ifcfgs *, const struct ifcfg *);

#endif
