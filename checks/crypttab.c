/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"
#include "checks/units.h"
#include "fs/lines.h"

static const char path[] = "/etc/crypttab";

struct crypt_line {
	char *name, *device, *key, *options; /* "" where there is none */
	uint32_t line;
	struct str text; /* the whole line */
};

static void crypt_line_done(struct crypt_line *c)
{
	free(c->name);
	free(c->device);
	free(c->key);
	free(c->options);
	str_done(&c->text);
}
DEFINE_CLEANUP_DONE(struct crypt_line, crypt_line_done)

static char *next_word(const char **p)
{
	const char *word = *p + strspn(*p, " \t");
	size_t len = strcspn(word, " \t");

	*p = word + len;
	return mem_strndup(word, len);
}

static bool has_option(const struct crypt_line *c, const char *name)
{
	struct fstab_option option;

	return fstab_option_find(c->options, name, &option);
}

/* ---- devices and keys ------------------------------------------------------------------------ */

/* Volume groups and arrays may hold it, too. */
static bool has_groups(const struct fstab_view *view)
{
	vec_foreach (fs, view->disks)
		if (fs->type && !str_eq(fs->type, "crypto_LUKS") &&
		    (str_ends(fs->type, "_member") || str_eq(fs->type, "bcache") ||
		     str_eq(fs->type, "drbd") || str_eq(fs->type, "stratis")))
			return true;
	return false;
}

static enum fstab_presence presence_of(const struct fstab_view *view, const struct crypt_line *c)
{
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(fstab_done) struct fstab fstab = { 0 };
	cleanup(fstab_device_done) struct fstab_device device = { 0 };

	str_addf(&text, "%s none swap defaults 0 0\n", c->device);
	fstab_parse(&text, &fstab);
	if (fstab.count != 1)
		return DEVICE_UNKNOWN;
	fstab_device(view, fstab.items, &device);
	/* A line of fstab may mean what is inside an encrypted device; this one means the device. */
	if (device.presence == DEVICE_UNKNOWN && view->all_seen && !has_groups(view) &&
	    (device.spec.kind == SPEC_UUID || device.spec.kind == SPEC_LABEL))
		return DEVICE_MISSING;
	return device.presence;
}

/* Something else opens it: a chip, a token, a script, clevis and its server. */
static bool is_opened_otherwise(const struct machine *machine, const struct crypt_line *c)
{
	static const char *const options[] = {
		"tpm2-device",	 "fido2-device", "pkcs11-uri", "keyscript", "try-empty-password",
		"password-echo", "headless",	 "swap",       "tmp",	    "plain"
	};
	static const char *const clevis[] = { "clevis-luks-askpass.path",
					      "clevis-luks-askpass.service" };
	cleanup(free) char *auto_key = mem_printf("/etc/cryptsetup-keys.d/%s.key", c->name);

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (has_option(c, options[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(clevis); i++)
		if (machine_unit_path(machine, clevis[i]))
			return true;
	return tree_exists(machine_tree(machine), auto_key);
}

/* A key file of the root that is not there. "path:device", sockets, /dev and /run are not judged. */
static bool is_lost_key(const struct fstab_view *view, const struct crypt_line *c)
{
	static const char *const made[] = { "/dev/", "/run/", "/proc/", "/sys/" };

	if (c->key[0] != '/' || strchr(c->key, ':') ||
	    tree_exists(machine_tree(view->machine), c->key))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		if (str_starts(c->key, made[i]))
			return false;
	vec_foreach (entry, &view->fstab) {
		cleanup(free) char *target = fstab_target(entry);

		if (!str_eq(target, "/") && path_is_below(c->key, target))
			return false;
	}
	return true;
}

/* ---- what hangs on it ------------------------------------------------------------------------ */

static bool is_of(const struct fstab_entry *entry, const char *name)
{
	cleanup(free) char *node = mem_printf("/dev/mapper/%s", name);

	return str_eq(entry->field[FSTAB_SPEC], node);
}

static bool holds_root(const struct fstab_view *view, const char *name)
{
	vec_foreach (entry, &view->fstab)
		if (fstab_is_root(entry) && is_of(entry, name))
			return true;
	return false;
}

/* Behind the options, which are the fourth word, or in front of them where a quote or a backslash may take in
 * what follows. More words, and bytes behind a NUL, are not read; they stay. */
static void add_nofail(const struct crypt_line *c, struct edits *edits)
{
	cleanup(str_done) struct str new = STR_INIT;
	bool is_first = strpbrk(c->options, "\"\\");
	const char *end = c->text.s;
	size_t at;

	for (int word = 0; word < 4; word++) {
		const char *next = end + strspn(end, " \t");

		if (!strcspn(next, " \t\r\n"))
			break;
		end = word == 3 && is_first ? next : next + strcspn(next, " \t\r\n");
	}
	at = (size_t)(end - c->text.s);
	str_add_bytes(&new, c->text.s, at);
	str_add(&new, !*c->key	     ? " none nofail"
		      : !*c->options ? " nofail"
		      : is_first     ? "nofail,"
				     : ",nofail");
	str_add_bytes(&new, c->text.s + at, c->text.len - at);
	edit_line_bytes(edits, path, c->line, 1, &c->text, &new);
}

/* Lines of fstab for it that would stop the boot, and that nobody else finds. */
static size_t defuse(const struct fstab_view *view, const char *name, struct finding *finding)
{
	size_t count = 0;

	vec_foreach (entry, &view->fstab) {
		cleanup(fstab_device_done) struct fstab_device device = { 0 };

		if (entry->rejected || !is_of(entry, name) || fstab_pull(entry) < PULL_SWAP)
			continue;
		fstab_device(view, entry, &device);
		count += fstab_pull(entry) == PULL_LOCAL;
		if (finding && device.presence != DEVICE_MISSING)
			fstab_edit_defuse(view, finding, entry,
					  "its encrypted device does not open");
	}
	return count;
}

static void say(const struct fstab_view *view, const struct crypt_line *c, const char *why,
		enum repair_class repair, bool is_endless, struct findings *out)
{
	bool stops = is_endless || defuse(view, c->name, NULL);
	struct finding *finding;

	finding = finding_add(
		out, stops ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS, repair, "17", path, c->line,
		"%s %s; %s", machine_quote(view->machine, c->name, strlen(c->name)), why,
		is_endless ? "the boot waits for ever for a passphrase on the console"
		: stops	   ? "the boot waits for it, and a file system on it stops it in "
			     "emergency mode"
			   : "the boot waits 90 seconds for it");
	if (!has_option(c, "nofail"))
		add_nofail(c, &finding->edits);
	defuse(view, c->name, finding);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static void look_at(const struct fstab_view *view, const struct crypt_line *c, struct findings *out)
{
	bool has_nofail = has_option(c, "nofail");
	enum fstab_presence presence;
	cleanup(free) char *why = NULL;

	if (!*c->device || has_option(c, "noauto") || holds_root(view, c->name) ||
	    (has_nofail && !defuse(view, c->name, NULL)))
		return;
	presence = presence_of(view, c);
	if (presence == DEVICE_MISSING) {
		why = mem_printf("is on %s, which is on no disk",
				 machine_quote(view->machine, c->device, strlen(c->device)));
		say(view, c, why, REPAIR_SURE, false, out);
	} else if (presence == DEVICE_UNSEEN || is_opened_otherwise(view->machine, c))
		return;
	else if (is_lost_key(view, c)) {
		why = mem_printf("has the key file %s, which is not there",
				 machine_quote(view->machine, c->key, strlen(c->key)));
		say(view, c, why, REPAIR_SURE, !has_nofail, out);
	} else if (!has_nofail && (!*c->key || str_eq(c->key, "none") || str_eq(c->key, "-")))
		say(view, c, "has no key", REPAIR_OFFERED, true, out);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err why = ERR_INIT;
	const struct str *file = machine_file(machine, path, &why);
	uint32_t count;

	if (!file) {
		if (why.code == ERR_NOTFOUND)
			return 0;
		*err = why;
		return -1;
	}
	if (fstab_view_open(machine, &view, err) < 0)
		return -1;
	count = lines_count(file->s, file->len);
	for (uint32_t n = 1; n <= count && n <= FSTAB_ENTRIES_MAX; n++) {
		cleanup(crypt_line_done) struct crypt_line c = { .line = n, .text = STR_INIT };
		cleanup(free) char *seen = NULL;
		const char *p;

		lines_copy(file->s, file->len, n, 1, &c.text);
		/* A CR or a NUL ends a line, too, as systemd reads it. */
		seen = mem_strndup(c.text.s, strcspn(c.text.s, "\r\n"));
		p = seen;
		c.name = next_word(&p);
		c.device = next_word(&p);
		c.key = next_word(&p);
		c.options = next_word(&p);
		if (*c.name && *c.name != '#')
			look_at(&view, &c, out);
	}
	return 0;
}

const struct check check_crypttab = {
	.name = "crypttab",
	.title = "crypttab names a device or a key file that does not exist",
	.explain =
		"systemd waits 90 seconds for the device of every line of crypttab without nofail; "
		"a "
		"file system on it that fstab mounts without nofail then stops the boot in "
		"emergency "
		"mode. Where the device is there but the key file is not, or no key is named, the "
		"boot asks for a passphrase on the console and waits for ever. The repair adds "
		"nofail "
		"to the line, and to the lines of fstab that hang on it. Where nobody lost "
		"anything "
		"and a passphrase is simply asked for, it is offered.",
	.source = "crypttab(5); systemd-cryptsetup-generator(8); systemd-cryptsetup@.service(8)",
	.rows = "17",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
