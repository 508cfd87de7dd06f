/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_BOOT_H
#define CHECKS_BOOT_H

/* What the boot loader on the volume would offer and start: GRUB 2 with its menu or with boot loader
 * entries, and GRUB legacy (PV-GRUB). Read, never executed: conditions of grub.cfg are not judged, so
 * entries in both branches of an `if` are listed.
 *
 * Source: GRUB manual, "Shell-like scripting", "default", "blscfg", "environment block"; the Boot
 * Loader Specification, type 1; GRUB legacy manual, "default", "title". */

#include "checks/machine.h"

struct boot_file {
	char *written; /* as in the entry: "/vmlinuz-6.1.0" */
	char *path;    /* in the tree: "/boot/vmlinuz-6.1.0" */
	bool exists;   /* as a regular file that is not empty; links followed */
};
struct boot_search { /* a search command: where $root comes from */
	char *by;    /* "fs-uuid", "label", "file"; NULL: there is none */
	char *what;  /* is searched for */
	uint32_t line;
};
struct boot_entry {
	char *id; /* $menuentry_id_option, or the entry file's name without .conf; "" when none */
	char *title;  /* "" when none */
	char *number; /* where it stands in the menu: "0", "1>2" */
	char *name; /* what names it for good, submenus in front: "advanced>linux-6.1"; "" when not even
		       a title does */
	char *file;				 /* that holds it */
	uint32_t line, kernel_line, initrd_line; /* 0: none */
	uint32_t args_line;			 /* of the command line; 0: none */
	struct boot_file kernel;		 /* written NULL: the entry loads none */
	VEC(struct boot_file) initrds;
	char *args; /* command line, $kernelopts and the like filled in where known; "" */
	struct boot_search search;
	char *version;	/* of the kernel, from its name: "6.1.0-18-cloud-amd64"; "" when unknown */
	bool is_rescue; /* single user, recovery or 0-rescue: no way into a normal boot */
	bool tries_without_initrd; /* Ubuntu's: the initrd is loaded only when that has failed */
};
enum boot_loader { BOOT_NONE, BOOT_GRUB2, BOOT_LEGACY };
struct boot {
	enum boot_loader loader;
	char *path;	       /* of grub.cfg or menu.lst; NULL: none is there */
	bool uses_bls;	       /* grub.cfg reads /boot/loader/entries */
	bool has_submenu_code; /* grub.cfg reads another file, or makes entries in a way not known */
	VEC(struct boot_entry) entries; /* in menu order */
	size_t default_entry;		/* which one starts; SIZE_MAX: none can be told */
	char *default_text; /* what names it: "0", "saved entry's id"; "" when nothing does */
	char *default_path; /* of the file that says so; NULL: nothing does */
	uint32_t default_line;
	bool default_is_gone;	   /* default_text names no entry: GRUB takes the first one */
	bool default_is_saved;	   /* grub.cfg leaves it to grubenv's saved_entry */
	uint32_t set_line;	   /* of grub.cfg's `set default=`; 0: there is none */
	struct boot_search search; /* outside of all entries: for those of blscfg */
	char *env_path;		   /* of grubenv; NULL: none */
	bool env_is_valid;	   /* it begins as GRUB wants it; else GRUB reads nothing of it */
};

/* Worked out once and kept. Never NULL. */
const struct boot *boot_model(const struct machine *);
/* The entry that starts; NULL: cannot be told. */
const struct boot_entry *boot_default(const struct boot *);
/* The entry that a default of this text starts ("0", "1>2", a title, an id, "A>B" of those); NULL: none. */
const struct boot_entry *boot_named(const struct boot *, const char *text);
/* Could it start: its kernel is there, so is every initrd, and modules of its version that modprobe
 * finds. */
bool boot_entry_is_complete(const struct machine *, const struct boot_entry *);
/* "cut off", "full of zeros": what makes the kernel's file one that cannot be started; NULL: nothing
 * that can be told by its head. */
const char *boot_kernel_fault(const struct machine *, const char *path);
/* "/lib/modules" where that version's modules are; NULL for an unknown version or none. Borrowed. */
const char *boot_modules_dir(const struct machine *, const char *version);

/* How much of a version's modules is there. modprobe(8) reads modules.dep.bin, older ones modules.dep:
 * without both it finds no module. */
enum boot_modules {
	BOOT_MODULES_UNKNOWN,
	BOOT_MODULES_MISSING,
	BOOT_MODULES_NO_INDEX,
	BOOT_MODULES_THERE
};
enum boot_modules boot_modules_state(const struct machine *, const char *version);

/* Value of a grubenv variable (1024 bytes: "# GRUB Environment Block", NAME=value lines, padded with
 * #); NULL: none. The caller frees. */
#define GRUBENV_SIGNATURE "# GRUB Environment Block\n"
#define GRUBENV_LEN	  1024u
char *grubenv_get(const struct str *env, const char *name);
/* Order of versions as rpm and GRUB's blscfg have it: < 0, 0, > 0. */
int version_compare(const char *a, const char *b);

/* --- between the files of the model -------------------------------------------------------- */

/* Words of one line of a loader's file: quotes taken away, $variables as they stand. */
struct boot_words {
	char **items;
	size_t count, room;
};
void boot_words_split(const char *line, size_t len, struct boot_words *ret);
void boot_words_done(struct boot_words *);
/* The words from `first` on, one blank between them. The caller frees. */
char *boot_words_join(const struct boot_words *, size_t first);
/* Fills in kernel, initrds or arguments of an entry from a command's words ("linux", "initrd",
 * "search"); true when it was such a command. */
bool boot_entry_command(const struct machine *, struct boot_entry *, const struct boot_words *,
			uint32_t line);
void boot_search_read(struct boot_search *, const struct boot_words *, uint32_t line);
void boot_read_grub_cfg(const struct machine *, const struct str *text, struct boot *);
void boot_read_legacy(const struct machine *, const struct str *text, struct boot *);
void boot_read_bls(const struct machine *, struct boot *);

#endif
