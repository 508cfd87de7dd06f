/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_JOURNALS_H
#define CHECKS_JOURNALS_H

/* What systemd's journal keeps of earlier boots. Short messages stand in its files as plain bytes. */

#include "checks/machine.h"

/* One file; true: it was enough. */
typedef bool journal_func(void *arg, const struct str *bytes);

/* Calls back for the system's journals, those that are being written before the archived ones and the newest of these
 * first, until it is enough. A few files at most, and none over TREE_FILE_MAX: they are kept in memory.
 * Source: systemd-journald.service(8), FILES; archived ones are system@ID-NUMBER-TIME.journal (journald-file.c). */
void journals_each(const struct machine *, journal_func *func, void *arg);

#endif
