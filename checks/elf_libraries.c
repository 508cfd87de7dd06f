/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file glibc's loader takes for a needed library. */
#include "checks/boot.h"
#include "checks/elf.h"

#include <elf.h>
#include <endian.h>

#define LIBRARIES_MAX 512u

void library_dirs(const struct elf *program, struct tree_names *ret)
{
	static const struct {
		uint16_t machine;
		uint8_t class;
		const char *triplet;
	} multiarch[] = {
		{ EM_X86_64, ELFCLASS64, "x86_64-linux-gnu" },
		{ EM_AARCH64, ELFCLASS64, "aarch64-linux-gnu" },
		{ EM_386, ELFCLASS32, "i386-linux-gnu" },
		{ EM_X86_64, ELFCLASS32, "x86_64-linux-gnux32" },
	};
	bool is_64 = program->class == ELFCLASS64;

	for (size_t i = 0; i < ARRAY_LEN(multiarch); i++) {
		if (multiarch[i].machine != program->machine ||
		    multiarch[i].class != program->class)
			continue;
		vec_push(ret, mem_printf("/lib/%s", multiarch[i].triplet));
		vec_push(ret, mem_printf("/usr/lib/%s", multiarch[i].triplet));
	}
	if (is_64) {
		vec_push(ret, mem_strdup("/lib64"));
		vec_push(ret, mem_strdup("/usr/lib64"));
	}
	vec_push(ret, mem_strdup("/lib"));
	vec_push(ret, mem_strdup("/usr/lib"));
}

/* ld.so.cache: the new format alone or behind the old one. */
#define CACHE_MAGIC_OLD "ld.so-1.7.0"
#define CACHE_MAGIC_NEW "glibc-ld.so.cache1.1"
#define CACHE_HEAD	48u
#define CACHE_ENTRY	24u

static uint32_t word(const struct str *text, size_t at)
{
	uint32_t value = 0;

	if (at <= text->len && text->len - at >= 4)
		memcpy(&value, text->s + at, 4);
	return le32toh(value);
}

static size_t cache_start(const struct str *cache)
{
	size_t start = 0;

	if (cache->len > 16 && !memcmp(cache->s, CACHE_MAGIC_OLD, sizeof(CACHE_MAGIC_OLD) - 1)) {
		uint32_t count = word(cache, 12);

		if (count > TREE_LIST_MAX)
			return SIZE_MAX;
		start = (16 + (size_t)count * 12 + 7) & ~(size_t)7;
	}
	if (start > cache->len || cache->len - start < CACHE_HEAD ||
	    memcmp(cache->s + start, CACHE_MAGIC_NEW, sizeof(CACHE_MAGIC_NEW) - 1))
		return SIZE_MAX;
	return start;
}

static const char *cache_string(const struct str *cache, size_t start, uint32_t offset)
{
	size_t at = start + offset;

	if (at >= cache->len || !memchr(cache->s + at, '\0', cache->len - at))
		return "";
	return cache->s + at;
}

/* A file of the right kind: the loader passes over one for another processor. */
static const struct elf *fits(const struct machine *machine, const struct elf *program,
			      const char *path)
{
	const struct elf *elf = elf_read(machine, path);

	if (elf->kind == ELF_ABSENT)
		return NULL;
	if (elf->kind == ELF_WHOLE &&
	    (elf->class != program->class || elf->machine != program->machine))
		return NULL;
	return elf;
}

static bool take(const struct machine *machine, const struct elf *program, char *path,
		 struct library *ret)
{
	ret->elf = path ? fits(machine, program, path) : NULL;
	if (!ret->elf) {
		free(path);
		return false;
	}
	ret->path = path;
	return true;
}

static bool from_cache(const struct machine *machine, const struct elf *program, const char *name,
		       struct library *ret)
{
	struct err ignored = ERR_INIT;
	const struct str *cache = machine_file(machine, "/etc/ld.so.cache", &ignored);
	size_t start = cache ? cache_start(cache) : SIZE_MAX;
	uint32_t count = start == SIZE_MAX ? 0 : word(cache, start + 20);

	if (count > TREE_LIST_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		size_t at = start + CACHE_HEAD + (size_t)i * CACHE_ENTRY;
		const char *path;

		if (!str_eq(cache_string(cache, start, word(cache, at + 4)), name))
			continue;
		path = cache_string(cache, start, word(cache, at + 8));
		if (path[0] == '/' && strlen(path) < TREE_PATH_MAX &&
		    take(machine, program, mem_strdup(path), ret))
			return true;
	}
	return false;
}

/* One directory of DT_RPATH or DT_RUNPATH; $ORIGIN is where the file itself is. NULL: holds another
 * variable, or is relative. */
static char *expand(const char *dir, size_t len, const struct elf *by)
{
	static const char *const names[] = { "$ORIGIN", "${ORIGIN}" };
	cleanup(free) char *text = mem_strndup(dir, len);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_starts(text, names[i]))
			return mem_printf("%.*s%s", (int)(strrchr(by->path, '/') - by->path),
					  by->path, text + strlen(names[i]));
	return text[0] == '/' && !strchr(text, '$') ? mem_strdup(text) : NULL;
}

static bool from_list(const struct machine *machine, const struct elf *program,
		      const struct elf *by, const char *list, const char *name, struct library *ret)
{
	while (list && *list) {
		size_t len = strcspn(list, ":;");
		cleanup(free) char *dir = expand(list, len, by);

		if (dir && strlen(dir) + strlen(name) + 1 < TREE_PATH_MAX &&
		    take(machine, program, mem_printf("%s/%s", dir, name), ret))
			return true;
		list += len + (list[len] != '\0');
	}
	return false;
}

static void find_one(const struct machine *machine, const struct elf *program, const struct elf *by,
		     const char *name, struct library *ret)
{
	cleanup(tree_names_done) struct tree_names dirs = { 0 };

	if (strchr(name, '/')) {
		if (name[0] == '/')
			take(machine, program, mem_strdup(name), ret);
		return;
	}
	if (!by->runpath && (from_list(machine, program, by, by->rpath, name, ret) ||
			     (by != program && !program->runpath &&
			      from_list(machine, program, program, program->rpath, name, ret))))
		return;
	if (from_list(machine, program, by, by->runpath, name, ret) ||
	    from_cache(machine, program, name, ret))
		return;
	library_dirs(program, &dirs);
	vec_foreach (dir, &dirs)
		if (machine_may_be_in(machine, *dir, name) &&
		    take(machine, program, mem_printf("%s/%s", *dir, name), ret))
			return;
}

static bool is_known(const struct libraries *libraries, const char *name)
{
	vec_foreach (known, libraries)
		if (str_eq(known->name, name))
			return true;
	return false;
}

static void add_needs(const struct machine *machine, const struct elf *program,
		      const struct elf *by, struct libraries *ret)
{
	vec_foreach (name, &by->needed) {
		struct library library = { .needed_by = by->path };

		/* The loader itself counts under its name whatever is where. */
		if (is_known(ret, *name) || str_starts(*name, "ld-linux") ||
		    ret->count == LIBRARIES_MAX)
			continue;
		library.name = mem_strdup(*name);
		find_one(machine, program, by, *name, &library);
		vec_push(ret, library);
	}
}

bool libraries_find(const struct machine *machine, const struct elf *program, struct libraries *ret)
{
	const char *loader = program->interp ? strrchr(program->interp, '/') : NULL;

	if (program->kind != ELF_WHOLE || !loader || !str_starts(loader, "/ld-linux"))
		return false;
	add_needs(machine, program, program, ret);
	for (size_t i = 0; i < ret->count; i++)
		if (ret->items[i].elf)
			add_needs(machine, program, ret->items[i].elf, ret);
	return true;
}

void libraries_done(struct libraries *libraries)
{
	vec_foreach (library, libraries) {
		free(library->name);
		free(library->path);
	}
	vec_done(libraries);
}

const char *library_problem(const struct library *library)
{
	if (!library->path)
		return "is not there";
	switch (library->elf->kind) {
	case ELF_EMPTY:
		return "is empty";
	case ELF_NONE:
		/* A directory, or a text: "invalid ELF header". */
		return "is no library";
	case ELF_DAMAGED:
		return "is cut off or damaged";
	default:
		return NULL;
	}
}

const struct library *libraries_missing(const struct libraries *libraries)
{
	vec_foreach (library, libraries)
		if (library_problem(library))
			return library;
	return NULL;
}

static bool knows_version(const struct elf *elf, const char *name)
{
	vec_foreach (version, &elf->versions)
		if (str_eq(*version, name))
			return true;
	return false;
}

/* A library that knows no versions at all only makes the loader complain. */
static const struct elf_version *lacked_by(const struct elf *by, const struct library *library)
{
	if (by->kind != ELF_WHOLE)
		return NULL;
	vec_foreach (version, &by->wants_versions)
		if (!version->is_weak && str_eq(version->file, library->name) &&
		    !knows_version(library->elf, version->name))
			return version;
	return NULL;
}

const struct elf_version *library_lacks(const struct libraries *libraries,
					const struct elf *program, const struct library *library,
					const char **ret_by)
{
	const struct elf_version *lacked = NULL;

	if (!library->elf || library->elf->kind != ELF_WHOLE || !library->elf->versions.count)
		return NULL;
	*ret_by = program->path;
	lacked = lacked_by(program, library);
	for (size_t i = 0; i < libraries->count && !lacked; i++) {
		const struct elf *by = libraries->items[i].elf;

		lacked = by ? lacked_by(by, library) : NULL;
		*ret_by = libraries->items[i].path;
	}
	return lacked;
}

/* "libcrypto.so.3" and "libcrypto.so.3.0.7", "libc.so.6" and "libc-2.17.so". */
static bool may_be_for(const char *file, const char *name)
{
	size_t stem = strcspn(name, ".-");

	return !strncmp(file, name, stem) && strstr(file, ".so") && !str_eq(file, name);
}

char *library_link_target(const struct machine *machine, const struct elf *program,
			  const char *name, char **ret_link)
{
	cleanup(tree_names_done) struct tree_names dirs = { 0 };
	const char *best = NULL;

	library_dirs(program, &dirs);
	vec_foreach (dir, &dirs) {
		const struct tree_names *names = machine_list(machine, *dir);

		if (!names)
			continue;
		vec_foreach (file, names) {
			cleanup(free) char *path = mem_printf("%s/%s", *dir, *file);
			const struct elf *elf;

			if (!may_be_for(*file, name) || (best && version_compare(*file, best) < 0))
				continue;
			elf = fits(machine, program, path);
			if (elf && elf->kind == ELF_WHOLE && elf->soname &&
			    str_eq(elf->soname, name))
				best = *file; /* the newest, as ldconfig takes it */
		}
		if (best) {
			*ret_link = mem_printf("%s/%s", *dir, name);
			return mem_strdup(best);
		}
	}
	return NULL;
}
