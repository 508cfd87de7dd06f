/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_ELF_H
#define CHECKS_ELF_H

/* What the kernel and the dynamic loader look at in a program or library: which loader it asks for,
 * which libraries it needs, for which processor it is. Parts of the file are read, never all of it.
 *
 * Source: elf(5); the System V ABI, "Dynamic Section"; the GNU gABI supplement, NT_GNU_ABI_TAG. */

#include "checks/machine.h"

enum elf_kind {
	ELF_ABSENT,  /* no such file, or a link that leads nowhere */
	ELF_UNKNOWN, /* cannot be read: nothing is known */
	ELF_EMPTY,   /* a file of no bytes */
	ELF_NONE,    /* begins as no ELF file does: a script, or test data */
	ELF_DAMAGED, /* begins as one, and its tables lead out of the file */
	ELF_WHOLE,
};
struct elf_version { /* "libcrypto.so.3" has to know "OPENSSL_3.0.0" */
	char *file, *name;
	bool is_weak; /* then the loader goes on without */
};
struct elf {
	char *path; /* as asked for */
	enum elf_kind kind;
	struct tree_stat st; /* of the file behind links; not for ELF_ABSENT and ELF_UNKNOWN */
	uint8_t class;	     /* ELFCLASS32, ELFCLASS64 */
	uint16_t machine;    /* EM_X86_64, ... */
	char *interp;	     /* PT_INTERP; NULL: static, or a library */
	char *soname, *rpath, *runpath; /* NULL: none */
	struct tree_names needed;	/* DT_NEEDED, in their order */
	bool is_cut; /* ELF_DAMAGED: it is mapped all the same, and kills who touches the rest */
	VEC(struct elf_version) wants_versions; /* DT_VERNEED */
	struct tree_names versions;		/* DT_VERDEF: those that it knows; empty: no word */
	bool has_abi;
	uint32_t abi[3]; /* the oldest kernel that will do: 3.2.0 */
};
/* Read once and kept; never NULL. Borrowed. */
const struct elf *elf_read(const struct machine *, const char *path);

/* Where glibc's loader finds the library for a file: DT_RPATH or DT_RUNPATH, ld.so.cache, the
 * trusted directories. Source: ld.so(8); glibc, elf/dl-load.c. */
struct library {
	char *name;	       /* as needed: "libcrypto.so.3" */
	const char *needed_by; /* path of the file that needs it */
	char *path;	       /* of the file that would be loaded; NULL: none is found */
	const struct elf *elf; /* of it; NULL with path */
};
VEC_TYPE(libraries, struct library);
/* Everything that the program needs, its libraries' needs included. False: the program is no dynamic
 * one of glibc's, so nothing can be told. */
bool libraries_find(const struct machine *, const struct elf *program, struct libraries *ret);
void libraries_done(struct libraries *);
DEFINE_CLEANUP_DONE(struct libraries, libraries_done)
/* The first of them that cannot be loaded; NULL: all are there. */
const struct library *libraries_missing(const struct libraries *);
/* What is wrong with a library that is missing: "is not there", "is empty". */
const char *library_problem(const struct library *);
/* The first version that a file wants of the library and that the library does not know, which the
 * loader does not forgive; NULL: none. */
const struct elf_version *library_lacks(const struct libraries *, const struct elf *program,
					const struct library *library, const char **ret_by);
/* A file next to where the library should be whose own name for itself (DT_SONAME) is this: ldconfig
 * would make the link. NULL: none. The caller frees. */
char *library_link_target(const struct machine *, const struct elf *program, const char *name,
			  char **ret_link);
/* The trusted directories that exist, for a program of this class and processor. */
void library_dirs(const struct elf *program, struct tree_names *ret);

#endif
