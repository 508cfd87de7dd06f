/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/elf.h"

#include <elf.h>

/* The header, and behind it in most files all tables but the dynamic section: one request in place of five. */
#define HEAD_BYTES     (64u << 10)
#define VERSIONS_BYTES (16u << 10)  /* a table of versions */
#define DYNAMIC_MAX    (64u << 10)  /* a dynamic section has some thirty entries */
#define STRINGS_MAX    (128u << 10) /* a table of strings that is read whole */
#define STRING_MAX     512u
#define NEEDED_MAX     256u
#define SEGMENTS_MAX   64u
#define VERSIONS_MAX   4096u
#define NOTES_MAX      1024u

struct segment {
	uint32_t type;
	uint64_t offset, vaddr, size;
};
struct reader {
	struct tree *tree;
	struct elf *elf;
	bool is_big; /* most significant byte first */
	struct str head;
	struct segment segments[SEGMENTS_MAX];
	size_t segment_count;
	uint64_t strings_at, strings_len; /* in the file */
	struct str strings;		  /* empty: too many, each is read by itself */
};

static uint64_t number(const struct reader *r, const struct str *from, uint64_t at, unsigned bytes)
{
	uint64_t value = 0;

	if (at > from->len || bytes > from->len - at)
		return 0;
	for (unsigned i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)from->s[at + (r->is_big ? i : bytes - 1 - i)];

		value = value << 8 | c;
	}
	return value;
}

/* Exactly these bytes of the file, or false. */
static bool part(const struct reader *r, uint64_t at, uint64_t len, struct str *into)
{
	struct err ignored = ERR_INIT;
	size_t before = into->len;

	if (len > TREE_FILE_MAX || at > r->elf->st.size_bytes || len > r->elf->st.size_bytes - at)
		return false;
	if (at + len <= r->head.len) {
		str_add_bytes(into, r->head.s + at, (size_t)len);
		return true;
	}
	return !tree_read_at(r->tree, r->elf->path, at, (size_t)len, into, &ignored) &&
	       into->len - before == len;
}

static bool read_segments(struct reader *r)
{
	bool is_64 = r->elf->class == ELFCLASS64;
	uint64_t at = number(r, &r->head, is_64 ? 32 : 28, is_64 ? 8 : 4);
	uint64_t size = number(r, &r->head, is_64 ? 54 : 42, 2);
	uint64_t count = number(r, &r->head, is_64 ? 56 : 44, 2);
	cleanup(str_done) struct str table = STR_INIT;

	if (!count || count > SEGMENTS_MAX ||
	    size != (is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return false;
	if (!part(r, at, count * size, &table))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t p = i * size;

		r->segments[r->segment_count++] = (struct segment){
			.type = (uint32_t)number(r, &table, p, 4),
			.offset = number(r, &table, p + (is_64 ? 8 : 4), is_64 ? 8 : 4),
			.vaddr = number(r, &table, p + (is_64 ? 16 : 8), is_64 ? 8 : 4),
			.size = number(r, &table, p + (is_64 ? 32 : 16), is_64 ? 8 : 4),
		};
	}
	return true;
}

static const struct segment *find_segment(const struct reader *r, uint32_t type)
{
	for (size_t i = 0; i < r->segment_count; i++)
		if (r->segments[i].type == type)
			return &r->segments[i];
	return NULL;
}

/* The place in the file of an address in memory; UINT64_MAX: none. */
static uint64_t place_of(const struct reader *r, uint64_t vaddr)
{
	for (size_t i = 0; i < r->segment_count; i++) {
		const struct segment *s = &r->segments[i];

		if (s->type == PT_LOAD && vaddr >= s->vaddr && vaddr - s->vaddr < s->size &&
		    s->offset <= r->elf->st.size_bytes)
			return s->offset + (vaddr - s->vaddr);
	}
	return UINT64_MAX;
}

static bool read_interp(struct reader *r)
{
	const struct segment *s = find_segment(r, PT_INTERP);
	cleanup(str_done) struct str text = STR_INIT;

	if (!s)
		return true;
	if (s->size < 2 || s->size > TREE_PATH_MAX || !part(r, s->offset, s->size, &text) ||
	    text.s[text.len - 1] || text.s[0] != '/')
		return false;
	r->elf->interp = mem_strdup(text.s);
	return true;
}

/* The note "GNU", type 1: system (0 is Linux) and the oldest kernel's three numbers. */
static void read_abi(struct reader *r)
{
	for (size_t i = 0; i < r->segment_count; i++) {
		const struct segment *s = &r->segments[i];
		cleanup(str_done) struct str notes = STR_INIT;

		if (s->type != PT_NOTE || s->size > NOTES_MAX ||
		    !part(r, s->offset, s->size, &notes))
			continue;
		for (uint64_t at = 0; at + 32 <= notes.len;) {
			uint64_t name = number(r, &notes, at, 4),
				 desc = number(r, &notes, at + 4, 4);

			if (name == 4 && desc >= 16 &&
			    number(r, &notes, at + 8, 4) == NT_GNU_ABI_TAG &&
			    !memcmp(notes.s + at + 12, "GNU", 4) &&
			    !number(r, &notes, at + 16, 4)) {
				r->elf->has_abi = true;
				for (size_t k = 0; k < 3; k++)
					r->elf->abi[k] =
						(uint32_t)number(r, &notes, at + 20 + 4 * k, 4);
				return;
			}
			at += 12 + ((name + 3) & ~3ull) + ((desc + 3) & ~3ull);
		}
	}
}

/* NULL: no such string. The caller frees. */
static char *string_at(const struct reader *r, uint64_t index)
{
	cleanup(str_done) struct str text = STR_INIT;
	uint64_t left;

	if (index >= r->strings_len)
		return NULL;
	left = r->strings_len - index;
	left = left < STRING_MAX ? left : STRING_MAX;
	if (r->strings.len)
		str_add_bytes(&text, r->strings.s + index, (size_t)left);
	else if (!part(r, r->strings_at + index, left, &text))
		return NULL;
	if (!memchr(text.s, '\0', text.len))
		return NULL;
	return mem_strdup(text.s);
}

static bool find_strings(struct reader *r, const struct str *dynamic, size_t word)
{
	uint64_t vaddr = 0;

	for (uint64_t at = 0; at + 2 * word <= dynamic->len; at += 2 * word) {
		uint64_t tag = number(r, dynamic, at, word),
			 value = number(r, dynamic, at + word, word);

		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB)
			vaddr = value;
		if (tag == DT_STRSZ)
			r->strings_len = value;
	}
	r->strings_at = place_of(r, vaddr);
	if (r->strings_at > r->elf->st.size_bytes ||
	    r->strings_len > r->elf->st.size_bytes - r->strings_at)
		return false;
	return r->strings_len > STRINGS_MAX || part(r, r->strings_at, r->strings_len, &r->strings);
}

static bool take_string(const struct reader *r, uint64_t index, char **ret)
{
	free(*ret);
	*ret = string_at(r, index);
	return *ret != NULL;
}

struct version_tables {
	uint64_t needs, defines; /* addresses; 0: none */
};

/* A segment that ends behind the end of the file. */
static bool is_cut(const struct reader *r)
{
	for (size_t i = 0; i < r->segment_count; i++) {
		const struct segment *s = &r->segments[i];

		if (s->type == PT_LOAD && (s->offset > r->elf->st.size_bytes ||
					   s->size > r->elf->st.size_bytes - s->offset))
			return true;
	}
	return false;
}

static bool read_dynamic(struct reader *r, struct version_tables *tables)
{
	const struct segment *s = find_segment(r, PT_DYNAMIC);
	size_t word = r->elf->class == ELFCLASS64 ? 8 : 4;
	cleanup(str_done) struct str dynamic = STR_INIT;
	struct elf *elf = r->elf;

	if (!s)
		return true;
	if (s->size > DYNAMIC_MAX || !part(r, s->offset, s->size, &dynamic) ||
	    !find_strings(r, &dynamic, word))
		return false;
	for (uint64_t at = 0; at + 2 * word <= dynamic.len; at += 2 * word) {
		uint64_t tag = number(r, &dynamic, at, word),
			 value = number(r, &dynamic, at + word, word);
		char *name = NULL;

		if (tag == DT_NULL)
			break;
		if (tag == DT_VERNEED)
			tables->needs = value;
		if (tag == DT_VERDEF)
			tables->defines = value;
		if ((tag == DT_SONAME && !take_string(r, value, &elf->soname)) ||
		    (tag == DT_RPATH && !take_string(r, value, &elf->rpath)) ||
		    (tag == DT_RUNPATH && !take_string(r, value, &elf->runpath)))
			return false;
		if (tag != DT_NEEDED)
			continue;
		if (elf->needed.count == NEEDED_MAX || !(name = string_at(r, value)))
			return false;
		vec_push(&elf->needed, name);
	}
	return true;
}

/* DT_VERNEED: a chain of files, with a chain of names each. Source: LSB, "Symbol Versioning". */
static void read_wanted_versions(struct reader *r, uint64_t at, const struct str *table)
{
	for (unsigned i = 0; i < VERSIONS_MAX; i++) {
		uint64_t aux = at + number(r, table, at + 8, 4),
			 next = number(r, table, at + 12, 4);
		unsigned count = (unsigned)number(r, table, at + 2, 2);
		cleanup(free) char *file = string_at(r, number(r, table, at + 4, 4));

		for (unsigned k = 0;
		     file && k < count && r->elf->wants_versions.count < VERSIONS_MAX; k++) {
			uint64_t step = number(r, table, aux + 12, 4);
			char *name = string_at(r, number(r, table, aux + 8, 4));

			if (name)
				vec_push(&r->elf->wants_versions,
					 ((struct elf_version){
						 .file = mem_strdup(file),
						 .name = name,
						 .is_weak = number(r, table, aux + 4, 2) &
							    VER_FLG_WEAK }));
			if (!step)
				break;
			aux += step;
		}
		if (!next)
			return;
		at += next;
	}
}

/* DT_VERDEF: a chain of names; the first of each one's own chain is the name. */
static void read_known_versions(struct reader *r, uint64_t at, const struct str *table)
{
	for (unsigned i = 0; i < VERSIONS_MAX; i++) {
		uint64_t aux = at + number(r, table, at + 12, 4),
			 next = number(r, table, at + 16, 4);
		char *name = string_at(r, number(r, table, aux, 4));

		if (name)
			vec_push(&r->elf->versions, name);
		if (!next)
			return;
		at += next;
	}
}

/* As much behind the table's beginning as a table can be long; less at the end of the file. */
static bool versions_at(const struct reader *r, uint64_t at, struct str *into)
{
	struct err ignored = ERR_INIT;

	if (at > r->elf->st.size_bytes)
		return false;
	if (at + VERSIONS_BYTES <= r->head.len) {
		str_add_bytes(into, r->head.s + at, VERSIONS_BYTES);
		return true;
	}
	return !tree_read_at(r->tree, r->elf->path, at, VERSIONS_BYTES, into, &ignored);
}

static void read_versions(struct reader *r, const struct version_tables *tables)
{
	uint64_t places[] = { tables->needs ? place_of(r, tables->needs) : UINT64_MAX,
			      tables->defines ? place_of(r, tables->defines) : UINT64_MAX };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		cleanup(str_done) struct str table = STR_INIT;

		if (!versions_at(r, places[i], &table))
			continue;
		if (i == 0)
			read_wanted_versions(r, 0, &table);
		else
			read_known_versions(r, 0, &table);
	}
}

static enum elf_kind read_whole(struct reader *r)
{
	struct version_tables tables = { 0 };
	struct err ignored = ERR_INIT;
	const char *ident;

	if (tree_read_at(r->tree, r->elf->path, 0, HEAD_BYTES, &r->head, &ignored) < 0)
		return ELF_UNKNOWN;
	if (!r->head.len)
		return ELF_EMPTY;
	if (r->head.len < SELFMAG || memcmp(r->head.s, ELFMAG, SELFMAG))
		return ELF_NONE;
	ident = r->head.s;
	if (r->head.len < sizeof(Elf32_Ehdr) ||
	    (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64) ||
	    (ident[EI_CLASS] == ELFCLASS64 && r->head.len < sizeof(Elf64_Ehdr)))
		return ELF_DAMAGED;
	r->elf->class = (uint8_t)ident[EI_CLASS];
	r->is_big = ident[EI_DATA] == ELFDATA2MSB;
	r->elf->machine = (uint16_t)number(r, &r->head, 18, 2);
	if (!read_segments(r))
		return ELF_DAMAGED;
	r->elf->is_cut = is_cut(r);
	if (r->elf->is_cut || !read_interp(r) || !read_dynamic(r, &tables))
		return ELF_DAMAGED;
	read_versions(r, &tables);
	read_abi(r);
	return ELF_WHOLE;
}

/* All that were read, kept with the machine. */
struct elfs {
	VEC(struct elf *) list;
};

static void elfs_free(void *value)
{
	struct elfs *elfs = value;

	vec_foreach (item, &elfs->list) {
		struct elf *elf = *item;

		free(elf->path);
		free(elf->interp);
		free(elf->soname);
		free(elf->rpath);
		free(elf->runpath);
		tree_names_done(&elf->needed);
		tree_names_done(&elf->versions);
		vec_foreach (version, &elf->wants_versions) {
			free(version->file);
			free(version->name);
		}
		vec_done(&elf->wants_versions);
		free(elf);
	}
	vec_done(&elfs->list);
	free(elfs);
}

static const char elfs_key;

const struct elf *elf_read(const struct machine *machine, const char *path)
{
	struct elfs *elfs = machine_kept(machine, &elfs_key);
	struct reader r = { .tree = machine_tree(machine), .head = STR_INIT, .strings = STR_INIT };
	struct err err = ERR_INIT;

	if (!elfs) {
		elfs = mem_alloc(sizeof(*elfs));
		machine_keep(machine, &elfs_key, elfs, elfs_free);
	}
	vec_foreach (known, &elfs->list)
		if (str_eq((*known)->path, path))
			return *known;
	r.elf = mem_alloc(sizeof(*r.elf));
	r.elf->path = mem_strdup(path);
	vec_push(&elfs->list, r.elf);
	if (tree_stat(r.tree, path, TREE_FOLLOW, &r.elf->st, &err) < 0)
		r.elf->kind = err.code == ERR_NOTFOUND ? ELF_ABSENT : ELF_UNKNOWN;
	else if (!S_ISREG(r.elf->st.mode))
		r.elf->kind = ELF_NONE;
	else
		r.elf->kind = read_whole(&r);
	str_done(&r.head);
	str_done(&r.strings);
	return r.elf;
}
