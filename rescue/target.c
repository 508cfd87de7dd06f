/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/target.h"
#include "base/file.h"
#include "base/hash.h"
#include "rescue/state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define ID_LONGEST 200u /* a name in a directory has 255 bytes at most */

/* ---- identity ---- */

/* First line of a file of sysfs, without blanks around it; false when there is none. */
static bool read_fact(const char *dir, const char *name, struct str *into)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored = ERR_INIT;
	size_t from = 0, to;

	if (file_read(path, 4096, &text, &ignored) < 0)
		return false;
	to = strcspn(text.s, "\n");
	while (from < to && isspace((unsigned char)text.s[from]))
		from++;
	while (to > from && isspace((unsigned char)text.s[to - 1]))
		to--;
	str_add_escaped(into, text.s + from, to - from);
	return to > from;
}

/* A disk's serial number is the same wherever the disk is attached; its node's name is not. */
static bool device_identity(dev_t device, struct str *into)
{
	static const char *const facts[] = {
		"device/serial",     "device/wwid",	    "wwid",	      "dm/uuid",
		"loop/backing_file", "../device/serial",    "../device/wwid", "../wwid",
		"../dm/uuid",	     "../loop/backing_file"
	};
	cleanup(free) char *dir = mem_printf("/sys/dev/block/%u:%u", major(device), minor(device));
	cleanup(str_done) struct str partition = STR_INIT;
	bool is_known = false;

	str_add(into, "disk:");
	for (size_t i = 0; i < ARRAY_LEN(facts) && !is_known; i++)
		is_known = read_fact(dir, facts[i], into);
	if (read_fact(dir, "partition", &partition))
		str_addf(into, ":partition:%s", partition.s);
	return is_known;
}

static int identify(const char *path, struct str *into, struct err *err)
{
	cleanup(free) char *real = realpath(path, NULL);
	cleanup(str_done) struct str shown = STR_INIT;
	struct stat st;

	str_add_escaped(&shown, path, strlen(path));
	if (!real || stat(real, &st) < 0 || access(real, R_OK) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return err_set(err, ERR_NOTFOUND,
				       "%s: there is no such device, image or directory; give the "
				       "path of one",
				       shown.s);
		if (errno == EACCES)
			return err_set(err, ERR_DENIED,
				       "%s: permission denied; run this as a user who may read it",
				       shown.s);
		return err_errno(err, errno, "%s", shown.s);
	}
	if (S_ISBLK(st.st_mode) && device_identity(st.st_rdev, into))
		return 0;
	str_clear(into);
	str_addf(into, "%s:%s",
		 S_ISBLK(st.st_mode)   ? "device"
		 : S_ISDIR(st.st_mode) ? "tree"
				       : "image",
		 real);
	return 0;
}

/* ---- records ---- */

int target_find(const struct options *options, const char *path, struct target *ret,
		struct err *err)
{
	cleanup(str_done) struct str identity = STR_INIT;

	if (identify(path, &identity, err) < 0)
		return -1;
	*ret = TARGET_INIT;
	ret->state = state_dir(options);
	ret->targets = mem_printf("%s/targets", ret->state);
	ret->identity = str_take(&identity);
	ret->path = mem_strdup(path);
	return 0;
}

/* The identity as one name of a directory: what is special in a path is escaped. Long ones are hashed;
 * a hash is no identity, which has a colon. */
static void add_id(struct str *into, const char *identity)
{
	struct sha256 digest;

	for (const char *p = identity; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr(":._-", *p))
			str_add_char(into, *p);
		else
			str_addf(into, "%%%02X", (unsigned char)*p);
	}
	if (into->len <= ID_LONGEST)
		return;
	str_clear(into);
	digest = sha256_of(identity, strlen(identity));
	str_add_hex(into, digest.b, sizeof(digest.b));
}

const char *target_dir(struct target *target)
{
	cleanup(str_done) struct str id = STR_INIT;

	if (target->dir)
		return target->dir;
	add_id(&id, target->identity);
	target->dir = mem_printf("%s/%s", target->targets, id.s);
	return target->dir;
}

void target_done(struct target *target)
{
	fd_close(target->lock);
	free(target->identity);
	free(target->state);
	free(target->targets);
	free(target->dir);
	free(target->path);
	*target = TARGET_INIT;
}

/* A tree's files have modes of their own. */
static int may_write(const char *path, struct err *err)
{
	cleanup(str_done) struct str shown = STR_INIT;
	struct stat st;

	if (access(path, W_OK) == 0 || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	str_add_escaped(&shown, path, strlen(path));
	if (errno == EACCES)
		return err_set(err, ERR_DENIED,
			       "%s: permission denied; run this as a user who may write it",
			       shown.s);
	return err_errno(err, errno, "%s cannot be written", shown.s);
}

int target_lock(struct target *target, struct err *err)
{
	cleanup(free) char *lock = mem_printf("%s/lock", target_dir(target));
	cleanup(free) char *identity = mem_printf("%s/identity", target_dir(target));
	cleanup(free) char *text = mem_printf("%s\n", target->identity);

	/* What is recorded is hashed. */
	if (may_write(target->path, err) < 0 || hash_load(err) < 0)
		return -1;
	if (state_close(target->state, err) < 0)
		return -1;
	if (dir_make(target->dir, err) < 0)
		return err_in(err, "the state directory (see --state-dir)");
	target->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (target->lock < 0)
		return err_errno(err, errno, "%s", lock);
	if (flock(target->lock, LOCK_EX | LOCK_NB) < 0) {
		int saved = errno;

		close(target->lock);
		target->lock = -1;
		if (saved == EWOULDBLOCK)
			return err_set(err, ERR_BUSY,
				       "another ec2-rescue is working on this target; wait for it "
				       "to end");
		return err_errno(err, saved, "%s", lock);
	}
	return access(identity, F_OK) ? file_replace(identity, text, strlen(text), 0600, err) : 0;
}

char *target_new_record(struct target *target)
{
	time_t now = time(NULL);
	unsigned char random[3];
	char when[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	random_bytes(random, sizeof(random));
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	return mem_printf("%s/%s-%02x%02x%02x", target_dir(target), when, random[0], random[1],
			  random[2]);
}

static int is_record(const struct dirent *entry)
{
	return isdigit((unsigned char)entry->d_name[0]) && strlen(entry->d_name) == 22;
}

int target_record(struct target *target, enum record_state state, char **ret_dir, struct err *err)
{
	struct dirent **list = NULL;
	int count, rc = 0;

	*ret_dir = NULL;
	if (access(target->targets, F_OK) && errno == ENOENT)
		return 0;
	count = scandir(target_dir(target), &list, is_record, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "%s", target->dir);
	for (int i = count; i-- > 0 && !rc && !*ret_dir;) {
		cleanup(free) char *dir = mem_printf("%s/%s", target->dir, list[i]->d_name);
		enum record_state is = RECORD_NONE;

		rc = record_state(dir, &is, err);
		if (!rc && is == state)
			*ret_dir = TAKE(dir);
	}
	for (int i = 0; i < count; i++)
		free(list[i]);
	free(list);
	return rc;
}
