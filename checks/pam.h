/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_PAM_H
#define CHECKS_PAM_H

/* The stacks of PAM as libpam puts them together for a service: files of /etc/pam.d (and the vendor's
 * directories), includes and substacks followed.
 *
 * Source: pam.conf(5); Linux-PAM's libpam/pam_handlers.c and pam_dispatch.c: a module that cannot be
 * loaded returns "module_unknown", a line that cannot be read is one that always fails; Debian's
 * "@include". */

#include "checks/machine.h"
#include "fs/edit.h"

enum pam_type { PAM_AUTH, PAM_ACCOUNT, PAM_PASSWORD, PAM_SESSION };
const char *pam_type_name(enum pam_type); /* "auth", ... */

enum pam_action {
	PAM_DO_IGNORE,
	PAM_DO_OK,
	PAM_DO_DONE,
	PAM_DO_BAD,
	PAM_DO_DIE,
	PAM_DO_RESET,
	PAM_DO_JUMP
};
struct pam_item {
	char *path; /* of the file */
	uint32_t line, line_count;
	enum pam_type type;
	char *control, *module, *args; /* module "" and args "" when there is none */
	enum pam_action on_success, on_unknown, on_failure;
	unsigned jump;	    /* on success, when that is PAM_DO_JUMP */
	bool may_be_passed; /* what is before it may end the stack, or jump over it */
	const char *broken; /* why it always fails; NULL: it does not */
	char *missing;	    /* of an include: the name of the file that is not there */
};
struct pam_stack {
	struct pam_item *items;
	size_t count, room;
	bool is_other;	 /* the service has no file of its own */
	bool is_missing; /* nor is there "other" */
};
/* -1: a file cannot be read. */
int pam_stack_read(const struct machine *, const char *service, enum pam_type,
		   struct pam_stack *ret, struct err *err) __attribute__((warn_unused_result));
void pam_stack_done(struct pam_stack *);
DEFINE_CLEANUP_DONE(struct pam_stack, pam_stack_done)

/* Would the item refuse whoever gets there, were its module to return this? */
bool pam_action_refuses(enum pam_action);
/* Is there any configuration of PAM at all? */
bool pam_is_configured(const struct machine *);

/* Is the module's file there? Unknown where the modules' directories cannot be seen. */
bool pam_has_modules(const struct machine *); /* any directory of them */
enum pam_module { PAM_MODULE_THERE, PAM_MODULE_MISSING, PAM_MODULE_UNKNOWN };
enum pam_module pam_module_state(const struct machine *, const char *module);
/* A module that is there and whose name is a slip of the finger away; NULL: none. The caller
 * frees. */
char *pam_module_like(const struct machine *, const char *module);
/* Does the item use this module ("pam_access")? */
bool pam_item_is(const struct pam_item *, const char *name);
/* The value of "name=value" among the arguments; NULL: none. The caller frees. */
char *pam_item_arg(const struct pam_item *, const char *name);

/* Makes the line a comment. Where others count it, it may be passed over: no such line is reported. */
void pam_edit_disable(const struct machine *, const struct pam_item *, struct edits *);

#endif
