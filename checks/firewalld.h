/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_FIREWALLD_H
#define CHECKS_FIREWALLD_H

/* firewalld's permanent configuration as its start reads it.
 *
 * A zone, service or policy in /etc/firewalld hides the one of the same name in /usr/lib/firewalld.
 * A broken file in /etc is skipped by old versions (before 1.0), so that the vendor's counts again;
 * newer ones then load nothing of /etc and start with the vendor's configuration alone. Which
 * version it is cannot be told, so whoever asks looks at both. A default zone that does not exist
 * is replaced by public. Source: firewalld(1), firewalld.zone(5), firewalld.richlanguage(5),
 * firewalld.conf(5), firewalld.direct(5); core/fw.py of firewalld 1.3 and 0.4. */

#include "checks/iptables_files.h"
#include "checks/xml_small.h"

struct firewalld_file {
	char *name, *path; /* name: without ".xml" */
	bool is_etc;
	const struct str *text; /* borrowed from the machine */
	struct xml xml;
	const char *broken; /* why firewalld refuses it; NULL: it does not */
	uint32_t broken_line;
};
VEC_TYPE(firewalld_files, struct firewalld_file);

struct firewalld {
	const struct machine *machine;
	struct firewalld_files zones, services, policies;
	bool has_vendor;    /* /usr/lib/firewalld/zones is there */
	bool is_refused;    /* some file in /etc is broken */
	bool is_odd;	    /* something this program does not read: it may open anything */
	bool is_contested;  /* another firewall's service is started too, and one stops the other */
	char *default_zone; /* as set; "public" when it is not */
	uint32_t default_line;
};
/* Is it started at boot? */
bool firewalld_is_started(const struct machine *);
int firewalld_read(const struct machine *, struct firewalld *ret, struct err *)
	__attribute__((warn_unused_result));
void firewalld_done(struct firewalld *);
DEFINE_CLEANUP_DONE(struct firewalld, firewalld_done)

/* How a start treats broken files. */
enum firewalld_start { FIREWALLD_SKIPS, FIREWALLD_STOCK };
/* The zone's file that counts; NULL: there is no such zone. */
const struct firewalld_file *firewalld_zone(const struct firewalld *, enum firewalld_start,
					    const char *name);
/* The zone for what belongs to no other; NULL: cannot be told. */
const struct firewalld_file *firewalld_default(const struct firewalld *, enum firewalld_start);

/* Does the service, as defined on the volume, hold the TCP port? When it is not known: `unknown`. */
bool firewalld_service_has(const struct firewalld *, enum firewalld_start, const char *service,
			   uint16_t port, bool unknown);

/* Is the port the one that the text names, or in its range ("22", "1024-2048")? A name may be any
 * port: `unknown`. */
bool firewalld_port_in(const char *text, uint16_t port, bool unknown);

struct firewalld_ports {
	const uint16_t *items;
	size_t count;
};
enum firewalld_verdict { FIREWALLD_SHUT, FIREWALLD_LETS };
/* Does the zone (or policy) let anybody connect to one of the ports? *ret_by: the index of the element
 * that takes the connection away, XML_NONE: nothing lets it in. */
enum firewalld_verdict firewalld_judge(const struct firewalld *, enum firewalld_start,
				       const struct firewalld_file *, struct firewalld_ports,
				       size_t *ret_by);

/* Names of zones, in which the network interface to the world may be: at least one. */
void firewalld_zone_names(const struct firewalld *, const struct ipt_host *,
			  struct tree_names *ret);

#endif
