/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/elf.h"
#include "checks/pam.h"
#include "checks/sudoers.h"
#include "fs/lines.h"

/* A login with a key goes through the account and session stacks of sshd, not through auth; sudo
 * without a password through its account and session stacks. */
static const struct use {
	const char *service, *title;
	enum pam_type type;
} uses[] = {
	{ "sshd", "sshd lets nobody in", PAM_ACCOUNT },
	{ "sshd", "sshd ends every session at once", PAM_SESSION },
	{ "sudo", "sudo refuses everybody", PAM_ACCOUNT },
	{ "sudo", "sudo runs nothing", PAM_SESSION },
	{ "sshd", "no login with a password succeeds", PAM_AUTH },
	{ "sudo", "sudo takes no password", PAM_AUTH },
};

struct scene {
	const struct machine *machine;
	const struct use *use;
	bool is_by_password; /* the admin has no other way */
	struct findings *out;
};

/* The same line is in several stacks. */
static bool is_known(const struct scene *scene, const char *path, uint32_t line)
{
	vec_foreach (f, scene->out)
		if (f->path && str_eq(f->path, path) && f->line == line)
			return true;
	return false;
}

static enum severity severity_of(const struct scene *scene)
{
	return scene->use->type != PAM_AUTH || scene->is_by_password ? SEVERITY_BLOCKS_LOGIN
								     : SEVERITY_DELAYS;
}

/* Without one of these a stack proves nothing, so that taking its line away is no repair. */
static bool is_essential(const struct pam_item *item)
{
	return pam_item_is(item, "pam_unix") || pam_item_is(item, "pam_deny") ||
	       pam_item_is(item, "pam_sss");
}

static void rename_module(const struct machine *machine, const struct pam_item *item,
			  const char *name, struct edits *edits)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, item->path, &err);
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;

	lines_copy(text->s, text->len, item->line, item->line_count, &old);
	const char *at = strstr(old.s, item->module);
	if (!at)
		return;
	str_add_bytes(&new, old.s, (size_t)(at - old.s));
	str_add(&new, name);
	str_add(&new, at + strlen(item->module));
	lines_edit_replace(edits, item->path, text, item->line, item->line_count, new.s);
}

static void report_module(const struct scene *scene, const struct pam_item *item)
{
	cleanup(free) char *like = pam_module_like(scene->machine, item->module);
	struct finding *finding;
	enum repair_class repair = scene->use->type == PAM_AUTH ? REPAIR_OFFERED : REPAIR_SURE;

	/* More than a slip: what it was to prove is not known. */
	if (!like && is_essential(item))
		repair = REPAIR_NONE;
	if (like)
		repair = REPAIR_SURE;
	finding = finding_add(scene->out, severity_of(scene), repair, "93", item->path, item->line,
			      "the module %s of this %s line is not there: %s",
			      machine_quote(scene->machine, item->module, strlen(item->module)),
			      pam_type_name(item->type), scene->use->title);
	if (like)
		rename_module(scene->machine, item, like, &finding->edits);
	else if (repair != REPAIR_NONE)
		pam_edit_disable(scene->machine, item, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

/* Where the tools of the distribution keep what the link led to; NULL: nowhere. */
static char *find_target(const struct machine *machine, const char *name)
{
	char *paths[] = { mem_printf("/etc/authselect/%s", name),
			  mem_printf("/etc/pam.d/%s-ac", name),
			  mem_printf("/etc/pam.d/%s-pc", name),
			  mem_printf("/etc/pam.d/%s.rpmsave", name),
			  mem_printf("/etc/pam.d/%s.pam-config-backup", name),
			  mem_printf("/etc/pam.d/%s.bak", name) };
	char *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct err err = ERR_INIT;
		const struct str *text = found ? NULL : machine_file(machine, paths[i], &err);
		if (text && strstr(text->s, "pam_unix"))
			found = TAKE(paths[i]);
		free(paths[i]);
	}
	return found;
}

/* The least that a common file has to say. */
static char *common_text(const char *name)
{
	static const char *const types[] = { "auth", "account", "password", "session" };
	struct str text = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		cleanup(free) char *debian = mem_printf("common-%s", types[i]);
		bool is_all = str_eq(name, "system-auth") || str_eq(name, "password-auth");
		if (is_all || str_eq(name, debian) ||
		    (i == 3 && str_eq(name, "common-session-noninteractive")))
			str_addf(&text, "%-8s required pam_unix.so\n", types[i]);
	}
	return text.len ? str_take(&text) : NULL;
}

/* Where the file has to be made: what the link names, if it is one. NULL: a link that is in order,
 * or one that cannot be read. */
static char *place_of(const struct machine *machine, const char *path, bool *ret_is_link)
{
	cleanup(str_done) struct str link = STR_INIT;
	struct err err = ERR_INIT;

	*ret_is_link = !tree_readlink(machine_tree(machine), path, &link, &err);
	if (!*ret_is_link)
		return err.code == ERR_NOTFOUND ? mem_strdup(path) : NULL;
	if (strstr(link.s, ".."))
		return NULL;
	return link.s[0] == '/' ? mem_strdup(link.s) : mem_printf("/etc/pam.d/%s", link.s);
}

static void report_include(const struct scene *scene, const struct pam_item *item)
{
	cleanup(free) char *path = *item->missing == '/'
					   ? mem_strdup(item->missing)
					   : mem_printf("/etc/pam.d/%s", item->missing);
	cleanup(free) char *target = find_target(scene->machine, item->missing);
	cleanup(free) char *text = common_text(item->missing);
	const struct tree_names *names = machine_list(scene->machine, "/etc/pam.d");
	struct err err = ERR_INIT;
	struct finding *finding;
	bool is_link;

	/* Few files beside it: the tree is not whole, and says nothing of this one. */
	if (is_known(scene, path, 0) || !names || (names->count < 4 && !target))
		return;
	cleanup(free) char *place = place_of(scene->machine, path, &is_link);
	const struct str *copy = target ? machine_file(scene->machine, target, &err) : NULL;
	finding = finding_add(
		scene->out, severity_of(scene), place && (copy || text) ? REPAIR_SURE : REPAIR_NONE,
		"93", path, 0, "%s, which %s includes, is not there: %s",
		machine_quote(scene->machine, path, strlen(path)), item->path, scene->use->title);
	const struct tree_new as = { .mode = 0644 };
	if (place && copy && !is_link)
		edit_symlink(&finding->edits, path, target);
	else if (place && (copy || text))
		edit_create(&finding->edits, place, &as, copy ? copy->s : text,
			    copy ? copy->len : strlen(text));
}

static void report_broken(const struct scene *scene, const struct pam_item *item)
{
	struct finding *finding;

	if (item->missing && *item->missing) {
		report_include(scene, item);
		return;
	}
	finding = finding_add(
		scene->out, severity_of(scene),
		scene->use->type == PAM_AUTH && !scene->is_by_password ? REPAIR_OFFERED
								       : REPAIR_SURE,
		"93", item->path, item->line,
		"PAM cannot make sense of this line, %s, and takes it for a refusal: %s",
		item->broken, scene->use->title);
	pam_edit_disable(scene->machine, item, &finding->edits);
}

/* A file of the service that is gone, where "other" refuses. */
static void report_other(const struct scene *scene, const struct pam_stack *stack)
{
	cleanup(free) char *path = mem_printf("/etc/pam.d/%s", scene->use->service);
	struct tree *tree = machine_tree(scene->machine);
	bool refuses = stack->is_missing;
	struct finding *finding;
	const char *text = NULL;

	vec_foreach (item, stack)
		refuses |= pam_item_is(item, "pam_deny") && !item->may_be_passed;
	if (!refuses || is_known(scene, path, 0) ||
	    (str_eq(scene->use->service, "sudo") && !sudo_program(scene->machine)))
		return;
	if (tree_exists(tree, "/etc/pam.d/common-account"))
		text = "@include common-auth\n@include common-account\n@include common-session\n"
		       "@include common-password\n";
	else if (tree_exists(tree, "/etc/pam.d/password-auth") && scene->use->service[1] == 's')
		text = "auth       substack     password-auth\n"
		       "account    required     pam_nologin.so\n"
		       "account    include      password-auth\n"
		       "password   include      password-auth\n"
		       "session    include      password-auth\n";
	else if (tree_exists(tree, "/etc/pam.d/system-auth"))
		text = "auth       include      system-auth\n"
		       "account    include      system-auth\n"
		       "password   include      system-auth\n"
		       "session    include      system-auth\n";
	finding = finding_add(
		scene->out, severity_of(scene), text ? REPAIR_SURE : REPAIR_NONE, "93", path, 0,
		"%s is not there, and what stands in for it refuses: %s", path, scene->use->title);
	const struct tree_new as = { .mode = 0644 };
	if (text)
		edit_create(&finding->edits, path, &as, text, strlen(text));
}

static bool is_missing(const struct scene *scene, const struct pam_item *item)
{
	return pam_module_state(scene->machine, item->module) == PAM_MODULE_MISSING;
}

/* The module that is not there and whose success would have led past the pam_deny that refuses without
 * it, all others having succeeded: "[success=1 default=ignore] pam_unix.so" is passed over when it is
 * missing. NULL: there is none. */
static const struct pam_item *missed_by_deny(const struct scene *scene,
					     const struct pam_stack *stack)
{
	const struct pam_item *missed = NULL;

	for (size_t i = 0; i < stack->count; i++) {
		const struct pam_item *item = &stack->items[i];
		bool is_there = !item->broken && !is_missing(scene, item);

		if (pam_item_is(item, "pam_deny") && pam_action_refuses(item->on_failure))
			return missed;
		if (is_there && item->on_success == PAM_DO_DONE)
			return NULL;
		if (is_there && item->on_success == PAM_DO_JUMP) {
			i += item->jump;
			missed = NULL;
		} else if (!is_there &&
			   (item->on_success == PAM_DO_JUMP || item->on_success == PAM_DO_DONE))
			missed = item;
	}
	return NULL;
}

static bool may_lead_elsewhere(enum pam_action action)
{
	return action == PAM_DO_JUMP || action == PAM_DO_DONE || action == PAM_DO_RESET;
}

/* The pam_deny that everybody comes to, whatever the modules before it say: all of them are there. */
static const struct pam_item *plain_deny(const struct scene *scene, const struct pam_stack *stack)
{
	vec_foreach (item, stack) {
		if (item->broken || is_missing(scene, item))
			return NULL;
		if (!pam_item_is(item, "pam_deny") || !pam_action_refuses(item->on_failure)) {
			/* Success that jumps is in may_be_passed. */
			if (item->on_success == PAM_DO_DONE || item->on_success == PAM_DO_RESET ||
			    may_lead_elsewhere(item->on_failure) ||
			    may_lead_elsewhere(item->on_unknown))
				return NULL;
		} else if (!item->may_be_passed)
			return item;
	}
	return NULL;
}

/* In a file that others include it closes a stack, and the line before it may be the wrong one. Where a
 * password is asked for, a stack that refuses it may be meant to. */
static void report_deny(const struct scene *scene, const struct pam_item *item)
{
	bool is_own = str_ends(item->path, scene->use->service);
	struct finding *finding;

	if (scene->use->type == PAM_AUTH)
		return;
	finding = finding_add(scene->out, SEVERITY_BLOCKS_LOGIN,
			      is_own ? REPAIR_SURE : REPAIR_OFFERED, "93", item->path, item->line,
			      "pam_deny.so refuses everybody, and nothing leads past it: %s",
			      scene->use->title);
	pam_edit_disable(scene->machine, item, &finding->edits);
}

static int look_at(const struct scene *scene, struct err *err)
{
	cleanup(pam_stack_done) struct pam_stack stack = { 0 };
	const struct pam_item *missed, *deny;

	if (pam_stack_read(scene->machine, scene->use->service, scene->use->type, &stack, err) < 0)
		return -1;
	if (stack.is_other) {
		if (machine_is_whole(scene->machine) ||
		    machine_may_be_in(scene->machine, "/etc/pam.d", "other") ||
		    machine_may_be_in(scene->machine, "/etc/pam.d", "login"))
			report_other(scene, &stack);
		return 0;
	}
	for (size_t i = 0; i < stack.count && scene->out->count < 100; i++) {
		const struct pam_item *item = &stack.items[i];
		if (item->may_be_passed || is_known(scene, item->path, item->line))
			continue;
		if (item->broken)
			report_broken(scene, item);
		else if (pam_action_refuses(item->on_unknown) && is_missing(scene, item))
			report_module(scene, item);
	}
	missed = missed_by_deny(scene, &stack);
	if (missed && !is_known(scene, missed->path, missed->line))
		report_module(scene, missed);
	deny = plain_deny(scene, &stack);
	if (deny && !missed && !is_known(scene, deny->path, deny->line))
		report_deny(scene, deny);
	return 0;
}

static bool sshd_needs_pam(const struct machine *machine)
{
	const struct elf *sshd = elf_read(machine, "/usr/sbin/sshd");

	for (size_t i = 0; i < sshd->needed.count; i++)
		if (str_eq(sshd->needed.items[i], "libpam.so.0"))
			return true;
	return false;
}

/* Not one file that goes wrong, but all of one kind. */
static bool look_for_all(const struct machine *machine, struct findings *out)
{
	bool is_configured =
		pam_is_configured(machine) || tree_exists(machine_tree(machine), "/etc/pam.conf");

	if ((is_configured && pam_has_modules(machine)) || !machine_is_whole(machine) ||
	    !accounts_use_pam(machine) || !sshd_needs_pam(machine))
		return false;
	finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "93",
		    is_configured ? "/etc/pam.d/sshd" : "/etc/pam.d", 0,
		    is_configured
			    ? "the modules of PAM are nowhere: sshd and sudo let nobody in; "
			      "the package libpam-modules, or pam, has to be installed again"
			    : "PAM has no configuration at all: sshd and sudo let nobody in; its "
			      "packages have to be installed again");
	return true;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct people *people = NULL;
	struct scene scene = { .machine = machine, .out = out };
	bool use_pam = accounts_use_pam(machine);

	if (look_for_all(machine, out) || !pam_is_configured(machine))
		return 0;
	if (accounts_people(machine, NULL, &people, err) < 0)
		return -1;
	scene.is_by_password = people->primary && people->primary->has_password &&
			       !people->primary->keys.count && !people->somebody_gets_in;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		scene.use = &uses[i];
		if (str_eq(uses[i].service, "sshd") && !use_pam)
			continue;
		if (look_at(&scene, err) < 0)
			return -1;
	}
	return 0;
}

const struct check check_pam_stack = {
	.name = "pam-stack",
	.title = "PAM refuses everybody because its configuration is broken",
	.explain =
		"With UsePAM sshd asks PAM's account and session stacks also about those who "
		"have shown a key, and so does sudo. A required module that is not installed "
		"(pam_tally2 after an upgrade, a slip in a name), a line that PAM cannot read or "
		"an include whose file is gone counts as a refusal. The repair corrects a "
		"slip, makes any other such line a comment, and puts a lost common file back, from "
		"its copy or with the one "
		"module that all of them have. In the auth stack, where a module may be a "
		"second factor, it is only offered.",
	.source = "pam.conf(5); Linux-PAM's pam_handlers.c, pam_dispatch.c; sshd's auth-pam.c and "
		  "session.c, \"PAM session not opened, exiting\"",
	.rows = "93",
	.repair = REPAIR_SURE,
	.examine = examine,
};
