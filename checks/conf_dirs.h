/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_CONF_DIRS_H
#define CHECKS_CONF_DIRS_H

/* Settings spread over files NAME.conf in several directories, as systemd, sysctl and cloud-init read
 * them. */

#include "checks/machine.h"

/* Paths of the files that count, in the order of reading: sorted by name over all directories; of
 * files with one name that in the first directory counts alone, and a link to /dev/null or an empty
 * file there only hides the others. Directories that are links to each other count once. Names end in
 * `suffix` (".conf"). The paths are the files' own: links are resolved. Appends; the caller frees with
 * tree_names_done.
 *
 * Source: sysctl.d(5), "CONFIGURATION DIRECTORIES AND PRECEDENCE". */
void conf_dirs_list(const struct machine *, const char *const dirs[], size_t dir_count,
		    const char *suffix, struct tree_names *ret);

#endif
