/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

#include <arpa/inet.h>

/* Types that need the network but are local to systemd, which knows only the classic ones. */
static bool needs_netdev(const struct fstab_entry *entry)
{
	static const char *const types[] = {
		"efs",		 "s3fs",	   "fuse.s3fs",	  "fuse.goofys",
		"fuse.gcsfuse",	 "gcsfuse",	   "fuse.rclone", "rclone",
		"fuse.mount-s3", "fuse.curlftpfs", "fuse.davfs2"
	};
	const char *spec = entry->field[FSTAB_SPEC], *type = entry->field[FSTAB_TYPE];

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(type, types[i]))
			return true;
	return str_eq(type, "fuse") &&
	       (str_starts(spec, "s3fs#") || str_starts(spec, "sshfs#") ||
		str_starts(spec, "goofys#") || str_starts(spec, "curlftpfs#"));
}

static void add_option(const struct fstab_view *view, struct finding *finding,
		       const struct fstab_entry *entry, const char *option)
{
	cleanup(str_done) struct str line = STR_INIT;

	fstab_line_add_options(entry, option, &line);
	fstab_edit_line(view, finding, entry, &line);
}

/* The host of "host:/dir", "//host/share", "[v6]:/dir". Caller frees. */
static char *host_of(const char *spec)
{
	if (str_starts(spec, "//"))
		return mem_strndup(spec + 2, strcspn(spec + 2, "/"));
	if (*spec == '[')
		return mem_strndup(spec + 1, strcspn(spec + 1, "]"));
	return mem_strndup(spec, strcspn(spec, ":"));
}

/* Addresses that no host answers at: those kept for documentation, the unspecified network, class
 * E. RFC 5737, RFC 3849, RFC 1122, RFC 1112. */
static bool is_nobody(const char *host)
{
	static const struct {
		uint32_t net, mask;
	} nets[] = { { 0x00000000, 0xff000000 },
		     { 0xc0000200, 0xffffff00 },
		     { 0xc6336400, 0xffffff00 },
		     { 0xcb007100, 0xffffff00 },
		     { 0xf0000000, 0xf0000000 } };
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET6, host, &v6) == 1)
		return !memcmp(v6.s6_addr, "\x20\x01\x0d\xb8", 4);
	if (inet_pton(AF_INET, host, &v4) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		if ((ntohl(v4.s_addr) & nets[i].mask) == nets[i].net)
			return true;
	return false;
}

/* "Failed to mount /mnt/nfs.", "A start job is running for /mnt/nfs (1min 2s / 1min 31s)" */
static bool console_blames(const struct fstab_view *view, const char *target)
{
	const char *console = machine_console(view->machine);

	for (const char *p = console ? console : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		cleanup(free) char *line = mem_strndup(p, strcspn(p, "\n"));
		const char *at = strstr(line, target);

		if (!at || at == line || !strchr(" m", at[-1]) ||
		    !strchr(" .\r\033", at[strlen(target)]))
			continue;
		if (strstr(line, "Failed to mount ") || strstr(line, "Timed out mounting ") ||
		    strstr(line, "A start job is running for "))
			return true;
	}
	return false;
}

static void judge_server(const struct fstab_view *view, const struct fstab_entry *entry,
			 struct findings *findings)
{
	cleanup(free) char *host = host_of(entry->field[FSTAB_SPEC]);
	cleanup(free) char *target = fstab_target(entry);
	bool is_nowhere = is_nobody(host), is_blamed = console_blames(view, target);
	bool is_sure = is_nowhere || is_blamed;
	struct finding *finding;

	/* With _netdev somebody thought of it, and bg does not wait: nothing to say without a
	 * witness. */
	if (!is_sure && (fstab_has(entry, "_netdev") || fstab_has(entry, "bg")))
		return;
	finding = finding_add(findings, is_sure ? SEVERITY_DELAYS : SEVERITY_NOTE,
			      is_sure ? REPAIR_SURE : REPAIR_OFFERED, "11", FSTAB_PATH, entry->line,
			      "%s %s logins wait for minutes until the mount of %s has failed",
			      fstab_quote(view, host),
			      is_blamed	   ? "did not answer at the last boot:"
			      : is_nowhere ? "is an address at which no host answers:"
					   : "has to answer at every boot, else",
			      fstab_quote(view, target));
	add_option(view, finding, entry, "nofail");
}

/* mount.nfs wants host:dir. For EFS the directory is "/". */
static bool judge_source(const struct fstab_view *view, const struct fstab_entry *entry,
			 struct findings *findings)
{
	const char *spec = entry->field[FSTAB_SPEC];
	bool is_efs = str_starts(spec, "fs-") && strstr(spec, ".efs.");
	cleanup(free) char *right = NULL;
	struct finding *finding;

	if (!str_starts(entry->field[FSTAB_TYPE], "nfs") ||
	    (strchr(spec, ':') && !str_ends(spec, ":")))
		return false;
	right = mem_printf("%s%s", spec, str_ends(spec, ":") ? "/" : ":/");
	finding = finding_add(findings, SEVERITY_NOTE, is_efs ? REPAIR_OFFERED : REPAIR_NONE, "11",
			      FSTAB_PATH, entry->line,
			      "%s names no directory, as in host:/dir: it cannot be mounted",
			      fstab_quote(view, spec));
	if (is_efs)
		fstab_edit_set(view, finding, entry, FSTAB_SPEC, right);
	return true;
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	enum fstab_pull pull = fstab_pull(entry);
	struct finding *finding;

	if (pull == PULL_LOCAL && needs_netdev(entry)) {
		finding = finding_add(
			findings, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "11", FSTAB_PATH, entry->line,
			"%s is mounted before the network is up, because systemd "
			"does not know the type %s as a network file system: the boot "
			"stops in emergency mode; the repair adds _netdev",
			fstab_quote(view, entry->field[FSTAB_FILE]),
			fstab_quote(view, entry->field[FSTAB_TYPE]));
		add_option(view, finding, entry, "_netdev");
	} else if (pull == PULL_REMOTE && fstab_type_is_network(entry->field[FSTAB_TYPE]) &&
		   !judge_source(view, entry, findings)) {
		judge_server(view, entry, findings);
	}
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_network = {
	.name = "fstab-network",
	.title = "a network file system in fstab holds up or stops the boot",
	.explain =
		"systemd mounts nfs, cifs and the like after the network and holds back logins "
		"until "
		"they are mounted or have failed: with a server that does not answer, two minutes "
		"and more. Where the console of the last boot says so, or the address is one at "
		"which "
		"nobody can answer, the repair adds nofail; otherwise a line with neither _netdev "
		"nor nofail is a note. efs, s3fs and other newer types are local file systems to "
		"systemd: without _netdev they are mounted before the network is up, fail, and "
		"stop "
		"the boot; the repair adds _netdev. An NFS source without \":/\" cannot be "
		"mounted.",
	.source = "systemd.mount(5), _netdev, nofail; EFS user guide, \"Mounting EFS file systems "
		  "automatically\"; nfs(5); systemd-user-sessions.service(8); seen with systemd "
		  "252: a dead NFS server held the login for 142 seconds",
	.rows = "11",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CONSOLE,
	.examine = examine,
};
