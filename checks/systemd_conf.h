/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SYSTEMD_CONF_H
#define CHECKS_SYSTEMD_CONF_H

/* The settings of one of systemd's own programs: its main file, then its drop-ins, in the order in which
 * they count. Source: systemd-system.conf(5), "Configuration Directories and Precedence". */

#include "checks/machine.h"
#include "fs/sections.h"

struct systemd_conf_part {
	char *path;
	struct sections sections;
};
VEC_TYPE(systemd_conf, struct systemd_conf_part);

/* `name`: "system", "journald", "networkd". Files that cannot be read are left out. */
void systemd_conf_read(const struct machine *, const char *name, struct systemd_conf *ret);
void systemd_conf_done(struct systemd_conf *);
DEFINE_CLEANUP_DONE(struct systemd_conf, systemd_conf_done)

/* The last assignment of the key and where it stands; an empty one takes none back. NULL: none. */
const struct section_item *systemd_conf_find(const struct systemd_conf *, const char *section,
					     const char *key,
					     const struct systemd_conf_part **ret_part);

#endif
