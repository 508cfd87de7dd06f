/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/journal.h"

#include "base/file.h"
#include "base/secrets.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define JOURNAL_MAX_BYTES (16u << 20)

struct journal {
	int fd;
	char *path;
	off_t size; /* bytes of whole records */
};

static char *path_in(const char *run_dir)
{
	return mem_printf("%s/journal", run_dir);
}

static json_t *parse_line(const char *path, size_t number, const char *line, size_t len,
			  struct err *err)
{
	json_t *record = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	json_int_t version = json_integer_value(json_object_get(record, "v"));

	if (!json_is_string(json_object_get(record, "event")) || version < 1) {
		json_decref(record);
		err_set(err, ERR_MALFORMED, "%s: line %zu is no journal record", path, number);
		return NULL;
	}
	if (version > JOURNAL_VERSION) {
		json_decref(record);
		err_set(err, ERR_UNSUPPORTED,
			"%s: written by a newer version of this program; use that one", path);
		return NULL;
	}
	return record;
}

/* Whole lines only: a line without its newline was torn by a crash and never relied on, because
 * what it announces is done after it was synced. */
static int parse(const char *path, const struct str *text, json_t **ret, size_t *ret_whole,
		 struct err *err)
{
	json_t *records = json_array();
	const char *line = text->s, *end;
	size_t number = 0;

	while ((end = memchr(line, '\n', text->len - (size_t)(line - text->s)))) {
		json_t *record = parse_line(path, ++number, line, (size_t)(end - line), err);

		if (!record) {
			json_decref(records);
			return -1;
		}
		json_array_append_new(records, record);
		line = end + 1;
	}
	*ret_whole = (size_t)(line - text->s);
	if (!number) {
		json_decref(records);
		return err_set(err, ERR_NOTFOUND, "%s is empty", path);
	}
	*ret = records;
	return 0;
}

static int read_all(const char *path, json_t **ret, size_t *ret_whole, struct err *err)
{
	cleanup(str_done) struct str text = STR_INIT;

	if (file_read(path, JOURNAL_MAX_BYTES, &text, err) < 0)
		return -1;
	return parse(path, &text, ret, ret_whole, err);
}

int journal_read(const char *run_dir, json_t **ret_records, struct err *err)
{
	cleanup(free) char *path = path_in(run_dir);
	size_t whole;

	return read_all(path, ret_records, &whole, err);
}

static int lock(int fd, const char *path, struct err *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return err_set(err, ERR_BUSY, "%s: another process is working on this run", path);
	return 0; /* no locks on this file system: go on without */
}

/* One that a process made and died before its first record: nothing was done by it. -1 unless it is
 * certain that nobody else works on it. */
static int take_empty(const char *path, struct err *err)
{
	cleanup(fd_close) int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	cleanup(str_done) struct str text = STR_INIT;

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_BUSY, "%s: another process may be working on this run",
			       path);
	if (file_read(path, JOURNAL_MAX_BYTES, &text, err) < 0)
		return -1;
	if (memchr(text.s, '\n', text.len))
		return err_set(err, ERR_BUSY, "%s exists already", path);
	if (ftruncate(fd, 0) < 0)
		return err_errno(err, errno, "%s", path);
	return TAKE_FD(fd);
}

int journal_create(const char *run_dir, struct journal **ret, struct err *err)
{
	cleanup(free) char *path = path_in(run_dir);
	cleanup(fd_close) int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno != EEXIST)
		return err_errno(err, errno, "%s", path);
	if (fd < 0 && (fd = take_empty(path, err)) < 0)
		return -1;
	if (lock(fd, path, err) < 0 || dir_sync(run_dir, err) < 0)
		return -1;
	*ret = mem_alloc(sizeof(**ret));
	(*ret)->fd = TAKE_FD(fd);
	(*ret)->path = TAKE(path);
	return 0;
}

int journal_open(const char *run_dir, struct journal **ret, json_t **ret_records, struct err *err)
{
	cleanup(free) char *path = path_in(run_dir);
	cleanup(fd_close) int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	json_t *records = NULL;
	size_t whole = 0;

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	if (lock(fd, path, err) < 0 || read_all(path, &records, &whole, err) < 0)
		return -1;
	if (ftruncate(fd, (off_t)whole) < 0) {
		json_decref(records);
		return err_errno(err, errno, "%s", path);
	}
	*ret = mem_alloc(sizeof(**ret));
	(*ret)->fd = TAKE_FD(fd);
	(*ret)->path = TAKE(path);
	(*ret)->size = (off_t)whole;
	*ret_records = records;
	return 0;
}

int journal_add(struct journal *journal, json_t *record, struct err *err)
{
	struct timespec now;
	cleanup(free) char *line = NULL;
	cleanup(str_done) struct str text = STR_INIT;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(record, "v", json_integer(JOURNAL_VERSION));
	json_object_set_new(record, "t", json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9));
	line = json_dumps(record, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(record);
	if (!line)
		return err_set(err, ERR_INTERNAL, "%s: a record cannot be written", journal->path);
	secrets_redact(line);
	str_add(&text, line);
	str_add_char(&text, '\n');
	if (fd_write_all(journal->fd, text.s, text.len) < 0 || fsync(journal->fd) < 0) {
		int saved = errno;

		/* A half record would spoil the next one, should the disk have room again. */
		if (ftruncate(journal->fd, journal->size) < 0)
			saved = errno;
		return err_errno(err, saved, "%s could not be written", journal->path);
	}
	journal->size += (off_t)text.len;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	close(journal->fd);
	free(journal->path);
	free(journal);
}

bool journal_is_locked(const char *run_dir)
{
	cleanup(free) char *path = path_in(run_dir);
	cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return false;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return false;
	return errno == EWOULDBLOCK;
}
