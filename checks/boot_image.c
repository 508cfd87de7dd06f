/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot.h"

#include <endian.h>

#define HEAD_LEN 0x250u

static uint32_t le32_at(const char *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return le32toh(value);
}

/* How long an x86 bzImage says that it is: setup sectors, then the 16-byte paragraphs of the rest. 0: it
 * does not say. Source: Linux, Documentation/arch/x86/boot.rst, from protocol 2.04 on. */
static uint64_t length_of_bzimage(const struct str *head)
{
	const unsigned char *u = (const unsigned char *)head->s;
	unsigned setup;

	if (head->len < HEAD_LEN || u[0x1fe] != 0x55 || u[0x1ff] != 0xaa ||
	    memcmp(head->s + 0x202, "HdrS", 4) != 0 || u[0x206] + 256u * u[0x207] < 0x204)
		return 0;
	setup = u[0x1f1] ? u[0x1f1] : 4;
	return (setup + 1) * 512ull + 16ull * le32_at(head->s + 0x1f4);
}

const char *boot_kernel_fault(const struct machine *machine, const char *path)
{
	cleanup(str_done) struct str head = STR_INIT;
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) < 0 ||
	    tree_read_at(machine_tree(machine), path, 0, HEAD_LEN, &head, &ignored) < 0)
		return NULL;
	if (length_of_bzimage(&head) > st.size_bytes)
		return "cut off";
	for (size_t i = 0; i < head.len; i++)
		if (head.s[i])
			return NULL;
	return head.len == HEAD_LEN ? "full of zeros" : NULL;
}
