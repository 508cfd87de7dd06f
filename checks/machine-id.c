/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/kernel_cmdline.h"
#include "checks/units.h"

#include <ctype.h>

static const char path[] = "/etc/machine-id";

static bool is_id(const char *s, size_t len)
{
	for (size_t i = 0; i < 32; i++)
		if (i >= len || !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

/* Did this system have an identity? Its journal, the bus, or its boot loader entries tell. */
static bool had_one(const struct machine *machine)
{
	static const char *const dirs[] = { "/var/log/journal", "/boot/loader/entries" };

	if (tree_exists(machine_tree(machine), "/var/lib/dbus/machine-id"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const struct tree_names *names = machine_list(machine, dirs[i]);

		if (!names)
			continue;
		vec_foreach (name, names)
			if (is_id(*name, strlen(*name)))
				return true;
	}
	return false;
}

static void create(struct finding *finding)
{
	static const struct tree_new new = { .mode = 0444 };

	edit_create(&finding->edits, path, &new, "", 0);
}

/* No file. On a root that is writable in time systemd makes one; the kernel mounts most read-only. */
static void look_at_missing(const struct machine *machine, struct findings *out)
{
	struct err ignored = ERR_INIT;
	struct tree_stat st;
	bool is_link = !tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored);
	struct finding *finding;

	if (!had_one(machine) || cmdline_root_mode(machine) == CMDLINE_ROOT_RW ||
	    !machine_unit_path(machine, "multi-user.target"))
		return;
	if (cmdline_root_mode(machine) == CMDLINE_ROOT_RO)
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "64", path, 0,
			"%s, and the root is mounted read-only when systemd looks for it: the bus, "
			"the journal and networkd's DHCP do not start without an identity",
			is_link ? "the link leads nowhere" : "the file is missing");
	else
		finding =
			finding_add(out, SEVERITY_DELAYS, REPAIR_OFFERED, "64", path, 0,
				    "%s; where the kernel mounts the root read-only, the bus, the "
				    "journal and networkd's DHCP do not start without it",
				    is_link ? "the link leads nowhere" : "the file is missing");
	if (is_link)
		edit_remove(&finding->edits, path);
	create(finding);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct err why = ERR_INIT;
	struct tree_stat st;
	const struct str *text;
	struct finding *finding;

	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &why) < 0) {
		if (why.code == ERR_NOTFOUND) {
			look_at_missing(machine, out);
			return 0;
		}
		*err = why;
		return -1;
	}
	if (S_ISDIR(st.mode)) {
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "64", path, 0,
			    "is a directory: nothing can read the machine's identity, without "
			    "which the "
			    "bus, the journal and networkd's DHCP do not start");
		return 0;
	}
	text = machine_file(machine, path, err);
	if (!text)
		return -1;
	/* Empty, "uninitialized": made anew at the next boot. */
	if (!text->len || str_eq(text->s, "\n") || str_starts(text->s, "uninitialized") ||
	    (is_id(text->s, text->len) && (text->len == 32 || text->s[32] == '\n')))
		return 0;
	finding = finding_add(
		out, SEVERITY_NOTE, REPAIR_OFFERED, "64", path, 0,
		"%s is no identity of 32 hexadecimal digits; systemd makes a new one, and "
		"programs that read the file themselves fail",
		machine_quote(machine, text->s, text->len < 40 ? text->len : 40));
	edit_replace(&finding->edits, path, text, &(struct str)STR_INIT);
	return 0;
}

const struct check check_machine_id = {
	.name = "machine-id",
	.title = "the machine's identity is missing where it cannot be made",
	.explain =
		"systemd makes /etc/machine-id when it is missing, but not while the root is "
		"mounted "
		"read-only, as the kernel does for most images; then the bus, the journal and "
		"networkd "
		"run without an identity, or rather do not. An empty file is enough: a temporary "
		"identity is laid over it and written when the root is writable. The repair makes "
		"that "
		"empty file. Contents that are no identity are replaced by systemd itself; to "
		"empty "
		"the file is offered.",
	.source = "machine-id(5), \"First Boot Semantics\"; systemd-machine-id-commit.service(8); "
		  "systemd's message \"System cannot boot: Missing /etc/machine-id and /etc is "
		  "mounted "
		  "read-only\"",
	.rows = "64",
	.repair = REPAIR_SURE,
	.examine = examine,
};
