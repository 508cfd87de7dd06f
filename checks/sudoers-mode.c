/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers.h"

/* Why sudo refuses a file or directory with this owner and mode. */
static const char *reason(const struct tree_stat *st)
{
	if (st->uid)
		return "does not belong to root";
	return st->mode & S_IWOTH ? "can be written by everybody" : "can be written by its group";
}

static bool is_refused(const struct tree_stat *st)
{
	return st->uid || st->mode & S_IWOTH || (st->mode & S_IWGRP && st->gid);
}

static void mend(struct finding *finding, const char *path, const struct tree_stat *st)
{
	uint32_t mode = st->mode & 07777;

	if (mode & (S_IWGRP | S_IWOTH))
		mode = S_ISDIR(st->mode) ? mode & ~(uint32_t)(S_IWGRP | S_IWOTH) : 0440;
	edit_mode(&finding->edits, path, st, mode, 0, st->uid ? 0 : st->gid);
}

static void look_at_main(const struct machine *machine, const struct sudo_people *people,
			 struct findings *out)
{
	const char *path = sudoers_path(machine);
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &err) < 0 ||
	    !S_ISREG(st.mode) || !is_refused(&st))
		return;
	struct finding *finding = finding_add(
		out, people->root_logs_in ? SEVERITY_DELAYS : SEVERITY_BLOCKS_LOGIN, REPAIR_SURE,
		"102", path, 0, "%s (%04o, owner %u:%u) %s: sudo refuses to run, for everybody",
		path, st.mode & 07777, st.uid, st.gid, reason(&st));
	mend(finding, path, &st);
}

/* Directories and the files in them are passed over alone; that matters when a right was in them. */
static void look_at_part(const struct machine *machine, const struct sudo_people *people,
			 const char *path, struct findings *out)
{
	bool locks_out = people->admin && !people->somebody_may && !people->root_logs_in;
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &err) < 0 ||
	    !is_refused(&st) || (!S_ISREG(st.mode) && !S_ISDIR(st.mode)))
		return;
	struct finding *finding = finding_add(
		out, locks_out ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE,
		locks_out ? REPAIR_SURE : REPAIR_OFFERED, "102", path, 0,
		"%s (%04o, owner %u:%u) %s: sudo passes over it%s",
		machine_quote(machine, path, strlen(path)), st.mode & 07777, st.uid, st.gid,
		reason(&st),
		locks_out ? ", and nobody who can log in may become root without it" : "");
	mend(finding, path, &st);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sudoers *sudoers = sudoers_model(machine);
	struct sudo_people people;

	if (sudo_people_load(machine, sudoers, &people, err) < 0)
		return -1;
	look_at_main(machine, &people, out);
	vec_foreach (dir, &sudoers->directories)
		look_at_part(machine, &people, *dir, out);
	for (size_t i = 1; i < sudoers->files.count; i++)
		if (sudoers->files.items[i]->is_refused)
			look_at_part(machine, &people, sudoers->files.items[i]->path, out);
	return 0;
}

const struct check check_sudoers_mode = {
	.name = "sudoers-mode",
	.title = "sudo refuses its rules because of their mode or owner",
	.explain = "sudo reads its rules only from files that belong to root and that nobody else "
		   "can write. A chmod 777 or a chown -R over /etc makes it refuse /etc/sudoers "
		   "altogether, and then nobody can become root; a drop-in, or the directory of "
		   "them, is passed over alone. The repair gives the file back to root and makes "
		   "it 0440, or takes the write bits from the directory. A drop-in without which "
		   "somebody can still become root is only offered: whoever could write it may "
		   "have done so.",
	.source =
		"sudoers(5); sudo's sudo_secure_file(): owner root, not writable by others, nor by "
		"a group other than root's",
	.rows = "102",
	.repair = REPAIR_SURE,
	.examine = examine,
};
