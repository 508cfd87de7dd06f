/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_UNIT_EDIT_H
#define CHECKS_UNIT_EDIT_H

/* What checks of units share: whose file it is, what starts it, and the edits that take it out of the
 * boot or a word out of a list. */

#include "checks/check.h"
#include "checks/units.h"

/* Made on this machine (/etc, /usr/local), not by a package. */
bool unit_path_is_local(const char *path);
/* Words of a command line such as ExecStart=: quotes taken away, the prefixes "@-:+!|" left out of the
 * first word. ret_may_fail: "-" was among them. The caller frees. Source: systemd.service(5),
 * "COMMAND LINES". */
void unit_command_words(const char *value, struct tree_names *ret, bool *ret_may_fail);
/* Makes the boot leave the unit out, as `systemctl disable` does: removes every link in /etc that pulls
 * it in, and takes it out of Wants=, Requires=, BindsTo=, Upholds= of local files. False: a file of a
 * package, or a generator, starts it all the same; nothing was added then. */
bool unit_edit_disable(const struct machine *, const char *name, struct edits *);
/* Takes a word out of a list in one assignment; the last word takes the line with it. */
void unit_edit_drop_word(const struct unit_file *, const struct section_item *, const char *word,
			 struct edits *);

/* A sentence's name for what keeps sshd, the network or the logins waiting: the unit of them that starts
 * after `name`; NULL: none. Borrowed. */
const char *unit_holds_up(const struct machine *, const char *name);
/* Services and the like that a login needs and that this boot starts, the targets behind them too. */
bool unit_is_vital(const struct machine *, const char *name);
/* The vital unit that cannot start without `name` (Requires=, BindsTo=, Requisite=, .requires links;
 * also through others); NULL: none. Borrowed. */
const char *unit_is_required_by(const struct machine *, const char *name);

#endif
