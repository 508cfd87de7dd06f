/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/initramfs.h"
#include "fs/unpack.h"

#include <ctype.h>

#define PIECE_LEN     (256u << 10) /* larger than what the channel to the tree remembers */
#define WINDOW_LEN    (32u << 10)
#define UNPACKED_MAX  (2048ull << 20)
#define ENTRIES_MAX   200000u
#define NAME_LEN_MAX  4096u
#define MODULES_MAX   20000u
#define VERSIONS_MAX  64u
#define CPIO_HEAD_LEN 110u
#define TRAILER	      "TRAILER!!!"

void initramfs_done(struct initramfs *fs)
{
	free(fs->why);
	tree_names_done(&fs->modules);
	tree_names_done(&fs->versions);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_name(const struct tree_names *names, const char *name)
{
	return names->count &&
	       bsearch(&name, names->items, names->count, sizeof(*names->items), compare_names);
}

bool initramfs_has_module(const struct initramfs *fs, const char *module)
{
	return has_name(&fs->modules, module);
}

/* ---- one entry ------------------------------------------------------------------------------- */

static void take_version(struct initramfs *fs, const char *name)
{
	const char *at = strstr(name, "lib/modules/");
	size_t len = at ? strcspn(at + 12, "/") : 0;

	if (!len || !at[12 + len] || fs->versions.count == VERSIONS_MAX)
		return;
	vec_foreach (known, &fs->versions)
		if (!strncmp(*known, at + 12, len) && !(*known)[len])
			return;
	vec_push(&fs->versions, mem_strndup(at + 12, len));
}

static void take_name(struct initramfs *fs, const char *name)
{
	const char *base = strrchr(name, '/'), *end;

	name += str_starts(name, "./") ? 2 : str_starts(name, "/") ? 1 : 0;
	base = base ? base + 1 : name;
	fs->has_init |= str_eq(name, "init");
	fs->has_squash |= strstr(base, "squash") && str_ends(base, ".img");
	end = strstr(base, ".ko");
	if (!end || (end[3] && end[3] != '.') || fs->modules.count == MODULES_MAX)
		return;
	take_version(fs, name);
	vec_push(&fs->modules, mem_strndup(base, (size_t)(end - base)));
	for (char *p = fs->modules.items[fs->modules.count - 1]; *p; p++)
		*p = *p == '-' ? '_' : *p;
}

struct cpio_head {
	uint64_t file_len;
	uint32_t name_len;
};

static bool is_cpio(const char *p, size_t len)
{
	return len >= 6 && (!memcmp(p, "070701", 6) || !memcmp(p, "070702", 6));
}

/* Thirteen numbers of eight hexadecimal digits behind the magic. */
static bool read_head(const char *p, struct cpio_head *ret)
{
	uint32_t numbers[13] = { 0 };

	if (!is_cpio(p, 6))
		return false;
	for (size_t i = 0; i < 8 * ARRAY_LEN(numbers); i++) {
		int c = tolower((unsigned char)p[6 + i]);

		if (!isxdigit(c))
			return false;
		numbers[i / 8] =
			numbers[i / 8] << 4 | (uint32_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	*ret = (struct cpio_head){ .file_len = numbers[6], .name_len = numbers[11] };
	return ret->name_len && ret->name_len <= NAME_LEN_MAX;
}

static uint64_t padded(uint64_t len)
{
	return (len + 3) & ~3ull;
}

/* ---- a stream that was unpacked -------------------------------------------------------------- */

struct listing {
	struct initramfs *fs;
	const struct machine *machine;
	const char *path;
	uint64_t at, size; /* of the file: read up to, its length */
	struct str buf;	   /* the head and name that are being put together */
	uint64_t skip;	   /* bytes of contents and padding to pass over */
	uint64_t unpacked;
	unsigned entries;
	bool is_after_trailer, is_broken;
};

/* The head and name of an entry are in the buffer. */
static bool take_entry(struct listing *l, const struct cpio_head *head, size_t whole)
{
	const char *name = l->buf.s + CPIO_HEAD_LEN;

	if (++l->entries > ENTRIES_MAX || name[head->name_len - 1]) {
		l->is_broken = true;
		return false;
	}
	if (str_eq(name, TRAILER))
		l->is_after_trailer = true;
	else
		take_name(l->fs, name);
	l->skip = whole - l->buf.len + padded(head->file_len);
	str_clear(&l->buf);
	return true;
}

/* Behind a trailer there are zeros, another archive, or what is nobody's. */
static bool is_end(struct listing *l, char c)
{
	if (!l->is_after_trailer || l->buf.len)
		return false;
	if (c && c != '0')
		return true;
	l->is_after_trailer = c == '\0';
	return false;
}

static bool take_bytes(void *context, const void *data, size_t len)
{
	struct listing *l = context;
	const char *p = data, *end = p + len;

	l->unpacked += len;
	if (l->unpacked > UNPACKED_MAX)
		return false;
	while (p < end) {
		struct cpio_head head = { 0 };
		size_t want = CPIO_HEAD_LEN, whole = CPIO_HEAD_LEN, part;

		if (l->skip) {
			part = l->skip < (size_t)(end - p) ? (size_t)l->skip : (size_t)(end - p);
			l->skip -= part;
			p += part;
			continue;
		}
		if (is_end(l, *p))
			return false;
		if (l->is_after_trailer) {
			p++;
			continue;
		}
		if (l->buf.len >= CPIO_HEAD_LEN) {
			if (!read_head(l->buf.s, &head)) {
				l->is_broken = true;
				return false;
			}
			want = CPIO_HEAD_LEN + head.name_len;
			whole = (size_t)padded(want);
		}
		part = want - l->buf.len < (size_t)(end - p) ? want - l->buf.len
							     : (size_t)(end - p);
		str_add_bytes(&l->buf, p, part);
		p += part;
		if (l->buf.len == want && want > CPIO_HEAD_LEN && !take_entry(l, &head, whole))
			return false;
	}
	return true;
}

static int give_piece(void *context, struct str *into, struct err *err)
{
	struct listing *l = context;
	size_t before = into->len;

	if (tree_read_at(machine_tree(l->machine), l->path, l->at, PIECE_LEN, into, err) < 0)
		return -1;
	l->at += into->len - before;
	return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

struct walk {
	struct listing l;
	struct str window; /* of the file, from window_at on */
	uint64_t window_at;
};

/* `len` bytes of the file, fewer at its end; valid until the next call. */
static int look_at(struct walk *w, uint64_t at, size_t len, const char **ret, size_t *ret_len,
		   struct err *err)
{
	uint64_t end = w->window_at + w->window.len;

	if (at < w->window_at || at + len > end) {
		str_clear(&w->window);
		if (tree_read_at(machine_tree(w->l.machine), w->l.path, at,
				 len > WINDOW_LEN ? len : WINDOW_LEN, &w->window, err) < 0)
			return -1;
		w->window_at = at;
		end = at + w->window.len;
	}
	*ret_len = at >= end ? 0 : end - at < len ? (size_t)(end - at) : len;
	*ret = w->window.s + (at - w->window_at);
	return 0;
}

static int say(struct initramfs *fs, enum initramfs_state state, char *why)
{
	free(fs->why);
	fs->why = why;
	fs->state = state;
	return 0;
}

/* Zeros between archives. *at moves behind them; at the end of the file it is the size. */
static int skip_zeros(struct walk *w, uint64_t *at, struct err *err)
{
	const char *p;
	size_t len, n;

	while (*at < w->l.size) {
		if (look_at(w, *at, WINDOW_LEN, &p, &len, err) < 0)
			return -1;
		for (n = 0; n < len && !p[n];)
			n++;
		*at += n;
		if (n < len)
			return 0;
		if (!len)
			*at = w->l.size;
	}
	return 0;
}

/* An archive that is not compressed. *at moves behind its trailer. 1: it is damaged. */
static int walk_plain(struct walk *w, uint64_t *at, struct err *err)
{
	for (;;) {
		struct cpio_head head;
		cleanup(free) char *name = NULL;
		const char *p;
		size_t len;

		if (look_at(w, *at, CPIO_HEAD_LEN, &p, &len, err) < 0)
			return -1;
		if (len < CPIO_HEAD_LEN)
			return say(w->l.fs, INITRAMFS_DAMAGED, mem_strdup("is cut off")), 1;
		if (!read_head(p, &head) || ++w->l.entries > ENTRIES_MAX)
			return say(w->l.fs, INITRAMFS_DAMAGED,
				   mem_strdup("has an archive in it that is damaged")),
			       1;
		if (look_at(w, *at + CPIO_HEAD_LEN, head.name_len, &p, &len, err) < 0)
			return -1;
		name = mem_strndup(p, len);
		*at += padded(CPIO_HEAD_LEN + head.name_len) + padded(head.file_len);
		if (str_eq(name, TRAILER))
			return 0;
		if (*at > w->l.size)
			return say(w->l.fs, INITRAMFS_DAMAGED, mem_strdup("is cut off")), 1;
		take_name(w->l.fs, name);
	}
}

/* Does the last part look as its format ends? false: it has to be unpacked to tell. */
static int ends_well(struct walk *w, enum unpack_kind kind, uint64_t at, bool *ret, struct err *err)
{
	uint64_t tail_at = w->l.size - at > 4096 ? w->l.size - 4096 : at, isize = 0;
	const char *p;
	size_t len, full;

	*ret = false;
	if (look_at(w, tail_at, 4096, &p, &len, err) < 0)
		return -1;
	for (full = len; full && !p[full - 1];)
		full--;
	if (kind == UNPACK_XZ) {
		*ret = full >= 2 && p[full - 2] == 'Y' && p[full - 1] == 'Z';
	} else if (kind == UNPACK_GZIP && len >= 18) {
		/* The last four bytes are the length of what was packed: of eight gzip ends that were
		 * made up, seven say something that cannot be. Its high byte is often zero. */
		full = full == len ? len : (full + 3) & ~(size_t)3;
		full = full > len ? len : full;
		for (size_t i = 0; i < 4 && full >= 4; i++)
			isize |= (uint64_t)(unsigned char)p[full - 4 + i] << 8 * i;
		*ret = isize >= (w->l.size - at) / 2 && isize <= (w->l.size - at) * 8;
	}
	return 0;
}

/* Sizes of zstd's blocks, of lz4's: each leads to the next. *ret: they lead to the end of the file. */
static int blocks_lead_on(struct walk *w, enum unpack_kind kind, uint64_t at, bool *ret,
			  struct err *err)
{
	static const unsigned content_len[] = { 0, 2, 4, 8 }, dict_len[] = { 0, 1, 2, 4 };
	const unsigned char *u;
	const char *p;
	size_t len;

	*ret = false;
	if (look_at(w, at, 18, &p, &len, err) < 0)
		return -1;
	if (len < 18)
		return 0;
	u = (const unsigned char *)p;
	if (kind == UNPACK_ZSTD) {
		bool is_single = u[4] & 0x20;
		bool has_sum = u[4] & 0x04;
		unsigned content = u[4] >> 6 ? content_len[u[4] >> 6] : is_single ? 1 : 0;

		at += 4 + 1 + !is_single + dict_len[u[4] & 3] + content;
		for (bool is_last = false; !is_last;) {
			uint32_t head;

			if (look_at(w, at, 3, &p, &len, err) < 0)
				return -1;
			if (len < 3)
				return 0;
			u = (const unsigned char *)p;
			head = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16;
			is_last = head & 1;
			if ((head >> 1 & 3) == 3)
				return 0;
			at += 3 + ((head >> 1 & 3) == 1 ? 1 : head >> 3);
		}
		at += has_sum ? 4 : 0;
		*ret = at <= w->l.size;
		return 0;
	}
	for (at += 4; at + 4 <= w->l.size;) {
		uint32_t size;

		if (look_at(w, at, 4, &p, &len, err) < 0)
			return -1;
		u = (const unsigned char *)p;
		if (len < 4)
			return 0;
		size = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
		if (size > 9u << 20)
			return 0;
		at += 4 + (uint64_t)size;
	}
	*ret = at == w->l.size;
	return 0;
}

/* The kernel's own xz knows no check but CRC32. */
static int has_crc32(struct walk *w, uint64_t at, bool *ret, struct err *err)
{
	const char *p;
	size_t len;

	if (look_at(w, at, 8, &p, &len, err) < 0)
		return -1;
	*ret = len < 8 || (p[7] & 0x0f) <= 1;
	return 0;
}

static int unpack_rest(struct walk *w, enum unpack_kind kind, uint64_t at, struct err *err)
{
	const struct unpack_io io = { &w->l, give_piece, take_bytes };
	struct initramfs *fs = w->l.fs;
	struct err why = ERR_INIT;
	unsigned before = w->l.entries;
	int rc;

	w->l.at = at;
	rc = unpack(kind, &io, &why);
	if (w->l.is_broken)
		return say(fs, INITRAMFS_DAMAGED,
			   mem_strdup(w->l.entries == before
					      ? "holds no archive in its compressed part"
					      : "holds a damaged archive"));
	if (w->l.is_after_trailer && !w->l.buf.len) { /* whatever comes behind it */
		fs->is_listed = true;
		return 0;
	}
	if (rc < 0 && why.code != ERR_MALFORMED && why.code != ERR_UNSUPPORTED) {
		*err = why;
		return -1;
	}
	if (rc < 0 && why.code == ERR_MALFORMED)
		return say(fs, INITRAMFS_DAMAGED,
			   mem_strdup(strstr(why.text, "cut off") ? "is cut off"
								  : "cannot be unpacked"));
	if (rc < 0 || w->l.unpacked > UNPACKED_MAX)
		return say(fs, INITRAMFS_UNKNOWN, mem_strdup("is too large to be unpacked here"));
	if (w->l.skip || w->l.buf.len)
		return say(fs, INITRAMFS_DAMAGED, mem_strdup("ends in the middle of a file"));
	fs->is_listed = true; /* cpio's own trailer is not asked for by the kernel */
	return 0;
}

static int look_at_packed(struct walk *w, enum unpack_kind kind, uint64_t at,
			  enum initramfs_depth depth, struct err *err)
{
	bool is_well = false;

	if (kind == UNPACK_XZ) {
		if (has_crc32(w, at, &is_well, err) < 0)
			return -1;
		if (!is_well)
			return say(
				w->l.fs, INITRAMFS_DAMAGED,
				mem_strdup("is packed by xz with another check than CRC32, which "
					   "the kernel cannot unpack"));
	}
	if (kind == UNPACK_OTHER)
		return say(w->l.fs, INITRAMFS_UNKNOWN,
			   mem_strdup("is compressed in a way that is not read here"));
	if (depth == INITRAMFS_WHOLE)
		return unpack_rest(w, kind, at, err);
	if ((kind == UNPACK_ZSTD || kind == UNPACK_LZ4)
		    ? blocks_lead_on(w, kind, at, &is_well, err) < 0
		    : ends_well(w, kind, at, &is_well, err) < 0)
		return -1;
	w->l.fs->state = is_well ? INITRAMFS_SOUND : INITRAMFS_SUSPICIOUS;
	return 0;
}

/* Archive after archive, up to the first one that is compressed: that is the last one in all that
 * dracut, initramfs-tools and mkinitcpio make. */
static int walk_file(struct walk *w, enum initramfs_depth depth, struct err *err)
{
	for (uint64_t at = 0; at < w->l.size;) {
		const char *p;
		enum unpack_kind kind;
		size_t len;
		int rc;

		if (skip_zeros(w, &at, err) < 0)
			return -1;
		if (at >= w->l.size)
			break;
		if (look_at(w, at, 6, &p, &len, err) < 0)
			return -1;
		kind = unpack_kind_of((const unsigned char *)p, len);
		if (is_cpio(p, len)) {
			rc = walk_plain(w, &at, err);
			if (rc)
				return rc < 0 ? -1 : 0;
			continue;
		}
		if (kind != UNPACK_NONE)
			return look_at_packed(w, kind, at, depth, err);
		/* A word in the place of the file, as in a tree that was copied without contents. */
		if (!at && w->l.size < CPIO_HEAD_LEN && p[0])
			return say(w->l.fs, INITRAMFS_UNKNOWN,
				   mem_strdup("is too short to be one"));
		if (w->l.fs->has_init)
			break; /* what is behind the whole system does no harm */
		return say(w->l.fs, INITRAMFS_DAMAGED,
			   mem_strdup(at ? "has nothing that the kernel would unpack behind its "
					   "first archive"
					 : "is no archive of any kind that the kernel unpacks"));
	}
	if (!w->l.entries)
		return say(w->l.fs, INITRAMFS_DAMAGED, mem_strdup("is full of zeros"));
	w->l.fs->is_listed = true;
	return 0;
}

int initramfs_look(const struct machine *machine, const char *path, enum initramfs_depth depth,
		   struct initramfs *ret, struct err *err)
{
	struct walk w = { .l = { .fs = ret, .machine = machine, .path = path, .buf = STR_INIT },
			  .window = STR_INIT };
	struct tree_stat st;
	int rc;

	*ret = (struct initramfs){ .state = INITRAMFS_SOUND };
	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, err) < 0)
		return -1;
	w.l.size = st.size_bytes;
	rc = walk_file(&w, depth, err);
	str_done(&w.l.buf);
	str_done(&w.window);
	if (ret->modules.count)
		qsort(ret->modules.items, ret->modules.count, sizeof(*ret->modules.items),
		      compare_names);
	if (rc < 0)
		initramfs_done(ret);
	return rc;
}
