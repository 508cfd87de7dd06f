/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NETPLAN_MEND_H
#define CHECKS_NETPLAN_MEND_H

/* What a file that libyaml refuses was meant to be. */

#include "checks/netplan.h"

/* Tries small changes near the line that is refused (tabs, an indentation, a colon or blank that is
 * missing, an open quote or bracket) until the file is a configuration without errors that brings up
 * a card. False: nothing helps. */
bool netplan_mend(const struct str *text, const struct yaml_doc *doc, struct str *into);

#endif
