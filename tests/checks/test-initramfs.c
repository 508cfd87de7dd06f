/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/initramfs and fs/unpack beside the programs that pack: whole archives are sound at both depths
 * with all their names; cut off before the trailer they are damaged; with bytes changed nothing breaks. */
#include "base/proc.h"
#include "checks/initramfs.h"
#include "tests/checks/scratch.h"

#define NAME "/boot/initrd.img"

static unsigned tests_run, tests_failed;

static void result(bool ok, const char *what, const char *of)
{
	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - %s %s\n", ok ? "" : "not ", tests_run, of, what);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

static void add_entry(struct str *into, const char *name, const void *data, size_t len)
{
	static const char zeros[4];

	str_addf(into, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1, 0100644,
		 0, 0, 1, 0, len, 0, 0, 0, 0, strlen(name) + 1, 0);
	str_add_bytes(into, name, strlen(name) + 1);
	str_add_bytes(into, zeros, -into->len & 3);
	str_add_bytes(into, data, len);
	str_add_bytes(into, zeros, -into->len & 3);
}

/* Some hundred modules: half of their contents can be packed. */
static void make_archive(struct str *into)
{
	uint64_t state = 20240607;
	char data[1500];

	add_entry(into, "init", "#!/bin/sh\n", 10);
	for (unsigned i = 0; i < 300; i++) {
		cleanup(free) char *name =
			mem_printf("usr/lib/modules/6.1.0-18/kernel/x/some-module%u.ko", i);

		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = k % 64 < 32 ? 'a' : (char)next_random(&state);
		add_entry(into, name, data, sizeof(data));
	}
	add_entry(into, "TRAILER!!!", "", 0);
}

struct look {
	enum initramfs_state state;
	size_t modules;
	bool is_listed, has_last;
};

static struct look look(struct scratch *s, const struct str *bytes, enum initramfs_depth depth)
{
	const struct machine_given given = { .tree = s->tree };
	cleanup(machine_free) struct machine *machine = machine_new(&given);
	cleanup(initramfs_done) struct initramfs fs = { 0 };
	struct err err = ERR_INIT;

	scratch_write(s, NAME, bytes->s, bytes->len);
	if (initramfs_look(machine, NAME, depth, &fs, &err) < 0)
		return (struct look){ .state = INITRAMFS_UNKNOWN };
	return (struct look){ fs.state, fs.modules.count, fs.is_listed,
			      initramfs_has_module(&fs, "some_module299") };
}

/* Packs by the program; false when it is not here. */
static bool pack(struct scratch *s, const char *command, const struct str *plain, struct str *ret)
{
	cleanup(free) char *from = mem_printf("%s/plain", s->dir);
	cleanup(free) char *to = mem_printf("%s/packed", s->dir);
	cleanup(free) char *line = mem_printf("%s <%s >%s 2>/dev/null", command, from, to);
	struct err err = ERR_INIT;

	scratch_write(s, "/plain", plain->s, plain->len);
	return !system(line) && !file_read(to, TREE_FILE_MAX, ret, &err) && ret->len;
}

static void whole(struct scratch *s, const char *name, const struct str *bytes)
{
	cleanup(str_done) struct str more = STR_INIT;
	static const char zeros[600];
	struct look frame = look(s, bytes, INITRAMFS_FRAME), all = look(s, bytes, INITRAMFS_WHOLE);

	/* lzma has no end that could be told from anything else: it is unpacked always. */
	result(frame.state == (str_eq(name, "lzma") ? INITRAMFS_SUSPICIOUS : INITRAMFS_SOUND),
	       "has a frame that says what it can", name);
	result(all.state == INITRAMFS_SOUND && all.is_listed && all.modules == 300 && all.has_last,
	       "is sound, and every module is seen", name);
	/* Microcode before it, zeros around it. */
	add_entry(&more, "kernel/x86/microcode/GenuineIntel.bin", zeros, 500);
	add_entry(&more, "TRAILER!!!", "", 0);
	str_add_bytes(&more, zeros, sizeof(zeros) - (more.len & 3));
	str_add_bytes(&more, bytes->s, bytes->len);
	str_add_bytes(&more, zeros, 400);
	frame = look(s, &more, INITRAMFS_FRAME);
	all = look(s, &more, INITRAMFS_WHOLE);
	result(frame.state != INITRAMFS_DAMAGED && all.state == INITRAMFS_SOUND &&
		       all.modules == 300,
	       "is sound behind microcode and before zeros", name);
}

static void cut(struct scratch *s, const char *name, const struct str *bytes)
{
	unsigned missed = 0, quiet = 0, count = 0;

	for (size_t i = 1; i < 20; i++) {
		struct str part = { .s = bytes->s, .len = bytes->len * i / 20 + (i & 1) };
		struct look frame = look(s, &part, INITRAMFS_FRAME);

		count++;
		quiet += frame.state == INITRAMFS_SOUND;
		missed += look(s, &part, INITRAMFS_WHOLE).state != INITRAMFS_DAMAGED;
	}
	printf("# %s: the frame alone takes %u of %u that are cut off for whole\n", name, quiet,
	       count);
	result(!missed && quiet <= count / 4, "is damaged wherever it is cut off", name);
}

/* Whatever was changed: an end, and no more modules than there are bytes for them. */
static void changed(struct scratch *s, const char *name, const struct str *bytes)
{
	uint64_t state = 4711;
	bool ok = true;

	for (unsigned i = 0; i < 60; i++) {
		cleanup(str_done) struct str other = STR_INIT;

		str_add_bytes(&other, bytes->s, bytes->len);
		for (unsigned k = 0; k < 1 + i % 5; k++)
			other.s[next_random(&state) % (i & 1 ? 64 : other.len)] =
				(char)next_random(&state);
		look(s, &other, INITRAMFS_FRAME);
		ok &= look(s, &other, INITRAMFS_WHOLE).modules <= 300;
	}
	result(ok, "with bytes changed leads to an end", name);
}

int main(void)
{
	static const struct {
		const char *name, *command;
	} kinds[] = { { "plain", "cat" },
		      { "gzip", "gzip -9" },
		      { "xz", "xz --check=crc32" },
		      { "lzma", "xz --format=lzma" },
		      { "zstd", "zstd -q -19" },
		      { "zstd with its length", "zstd -q --content-size -3" },
		      { "lz4", "lz4 -q -l -9" } };
	cleanup(str_done) struct str plain = STR_INIT;
	struct scratch s;

	make_archive(&plain);
	scratch_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		cleanup(str_done) struct str bytes = STR_INIT;

		if (!pack(&s, kinds[i].command, &plain, &bytes)) {
			printf("ok %u - %s # SKIP the program is not here\n", ++tests_run,
			       kinds[i].name);
			continue;
		}
		whole(&s, kinds[i].name, &bytes);
		cut(&s, kinds[i].name, &bytes);
		changed(&s, kinds[i].name, &bytes);
	}
	scratch_close(&s);
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
