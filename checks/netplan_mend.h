/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NETPLAN_MEND_H
#define CHECKS_NETPLAN_MEND_H

/* What a file that libyaml refuses was meant to be. */

#include "checks/netplan.h"

/* Tries small changes near the line that is refused (bytes that are no text, tabs, an indentation, a colon or blank that is
 * missing, an open quote or bracket) until the file is a configuration without errors that brings up
 * a card. False: nothing helps. */
bool netplan_mend(const struct str *text, const struct yaml_doc *doc, struct str *into);
/* The text with `before` in front of each line, as YAML that may be anything: control characters and what is no
 * UTF-8, which are refused in comments, too, are escaped. NULs are left out: a crash leaves them of blocks that
 * were never written. */
void netplan_add_clean(const struct str *text, const char *before, struct str *into);

#endif
