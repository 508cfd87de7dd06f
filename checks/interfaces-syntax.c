/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifupdown.h"
#include "checks/near_word.h"
#include "checks/net_stack.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

#include <stdio.h>

struct view {
	const struct machine *machine;
	const struct ifupdown *model;
	const struct ifupdown_error *error;
	const struct ifupdown_stanza *stanza; /* an empty one: the error is in none */
	struct edits edits;
};

static const char *const families[] = { "inet", "inet6", NULL };

/* "iface NAME FAMILY METHOD" and what stands behind, with the words as they must be. */
static void rewrite(struct view *v, const char *name, const char *family, const char *method,
		    size_t words)
{
	cleanup(str_done) struct str old = STR_INIT, line = STR_INIT;
	const struct str *text = ifupdown_text(v->model, v->error->path);
	const char *at;

	if (v->error->count != 1)
		return;
	lines_copy(text->s, text->len, v->error->line, 1, &old);
	at = old.s + strspn(old.s, " \t");
	str_add_bytes(&line, old.s, (size_t)(at - old.s));
	for (size_t i = 0; i < words; i++) {
		at += strspn(at, " \t");
		at += strcspn(at, " \t\r\n");
	}
	str_addf(&line, "iface %s %s %s%s", name, family, method, at);
	edit_lines(&v->edits, v->error->path, v->error->line, 1, old.s, line.s);
}

static void respell(struct view *v, const char *old, const char *new)
{
	const struct nic_respell item = { v->error->line, old, new };

	nic_respell(v->error->path, ifupdown_text(v->model, v->error->path), &item, 1, &v->edits);
}

static void comment_out(struct view *v, uint32_t line, uint32_t count)
{
	lines_edit_comment(&v->edits, v->error->path, ifupdown_text(v->model, v->error->path), line,
			   count);
}

/* What a stanza without a method that ifup knows must have meant. */
static const char *method_of(const struct view *v, const char *name, const char *family,
			     const char *word)
{
	const char *near = *word ? near_word(word, ifupdown_methods(family)) : NULL;

	for (const char *const *known = ifupdown_methods(family); *known; known++)
		if (str_eq(*known, word))
			return *known;
	if (near)
		return near;
	if (str_eq(name, "lo"))
		return "loopback";
	if (ifupdown_option(v->stanza, "address"))
		return "static";
	return str_eq(family, "inet") && nic_name_is_card(name) && !v->stanza->options.count
		       ? "dhcp"
		       : NULL;
}

/* The only interface that is to be brought up and has no stanza; NULL: none, or several. */
static const char *only_orphan(const struct ifupdown *model)
{
	const char *only = NULL;

	vec_foreach (item, &model->autos) {
		if (ifupdown_find(model, item->name) || (only && str_eq(only, item->name)))
			continue;
		if (only)
			return NULL;
		only = item->name;
	}
	return only;
}

/* Everything behind the word iface, as far as it can be told what it was meant to be. */
static void mend_iface(struct view *v)
{
	cleanup(str_done) struct str line = STR_INIT;
	const struct str *text = ifupdown_text(v->model, v->error->path);
	char words[4][80];
	const char *name = words[1], *family = NULL, *method = NULL, *near;
	int n;

	lines_copy(text->s, text->len, v->error->line, 1, &line);
	memset(words, 0, sizeof(words));
	n = sscanf(line.s, "%79s %79s %79s %79s", words[0], words[1], words[2], words[3]);
	if (n == 3 && ifupdown_methods(words[1]) && only_orphan(v->model)) {
		/* "iface inet dhcp": the name is missing */
		method = method_of(v, only_orphan(v->model), words[1], words[2]);
		if (method)
			rewrite(v, only_orphan(v->model), words[1], method, 3);
		return;
	}
	near = words[2][0] ? near_word(words[2], families) : NULL;
	if (ifupdown_methods(words[2]))
		family = words[2];
	else if (near)
		family = near;
	if (family) {
		method = method_of(v, name, family, words[3]);
		if (method)
			rewrite(v, name, family, method, n < 4 ? 3 : 4);
		return;
	}
	/* "iface eth0 dhcp", "iface eth0" */
	method = method_of(v, name, "inet", words[2]);
	if (method && (!words[2][0] || str_eq(method, words[2])))
		rewrite(v, name, "inet", method, words[2][0] ? 3 : 2);
}

/* An option where no stanza is open: a keyword that is mistyped, or something that ifup never reads. */
static void mend_misplaced(struct view *v)
{
	const char *near = near_word(v->error->word, ifupdown_keywords);

	if (near)
		respell(v, v->error->word, near);
	else
		comment_out(v, v->error->line, v->error->count);
}

/* The stanza without a name, with its options. */
static void comment_stanza(struct view *v)
{
	comment_out(v, v->stanza->line, v->stanza->count);
	vec_foreach (option, &v->stanza->options)
		comment_out(v, option->line, option->count);
}

/* NULL also for a keyword that is mistyped. */
static const struct ifupdown_auto *orphan_of(const struct ifupdown *model,
					     const struct ifupdown_error *error)
{
	return near_word(error->word, ifupdown_keywords) ? NULL : ifupdown_orphan(model, error);
}

/* "auto eth0" and options below it, without the iface line between them. */
static void insert_iface(struct view *v, const struct ifupdown_auto *orphan)
{
	bool is_static = false;
	cleanup(free) char *line = NULL;

	vec_foreach (error, &v->model->errors)
		is_static |= orphan_of(v->model, error) == orphan && str_eq(error->word, "address");
	line = mem_printf("iface %s inet %s\n", orphan->name,
			  str_eq(orphan->name, "lo") ? "loopback"
			  : is_static		     ? "static"
						     : "dhcp");
	lines_edit_insert(&v->edits, v->error->path, ifupdown_text(v->model, v->error->path),
			  orphan->line + orphan->count, line);
}

static void mend(struct view *v)
{
	switch (v->error->fault) {
	case IFUPDOWN_MISPLACED:
		mend_misplaced(v);
		break;
	case IFUPDOWN_NO_NAME:
		comment_stanza(v);
		break;
	case IFUPDOWN_BAD_FAMILY:
	case IFUPDOWN_BAD_METHOD:
		mend_iface(v);
		break;
	case IFUPDOWN_NO_VALUE:
	case IFUPDOWN_TWO_SCRIPTS:
		comment_out(v, v->error->line, v->error->count);
		break;
	case IFUPDOWN_BAD_INHERITS:
		break; /* what it should inherit nobody knows */
	}
}

static const char *what(enum ifupdown_fault fault)
{
	static const char *const texts[] = {
		[IFUPDOWN_MISPLACED] = "is no keyword, and no iface stanza is open for an option",
		[IFUPDOWN_NO_NAME] = "has no interface behind it",
		[IFUPDOWN_BAD_FAMILY] = "is no address family",
		[IFUPDOWN_BAD_METHOD] = "is no method of this address family",
		[IFUPDOWN_BAD_INHERITS] = "is no interface above to inherit from",
		[IFUPDOWN_NO_VALUE] = "is an option without a value",
		[IFUPDOWN_TWO_SCRIPTS] = "is there twice in one mapping",
	};

	return texts[fault];
}

/* In a file that is sourced only what follows is lost. */
static bool loses_a_card(const struct view *v)
{
	vec_foreach (stanza, &v->model->stanzas)
		if (str_eq(stanza->path, v->error->path) && stanza->line >= v->error->line &&
		    nic_name_is_card(stanza->name))
			return true;
	return false;
}

static bool has_card(const struct ifupdown *model)
{
	vec_foreach (stanza, &model->stanzas)
		if (nic_name_is_card(stanza->name) || stanza->name[0] == '/' ||
		    str_starts(stanza->name, "br") || str_starts(stanza->name, "bond"))
			return true;
	vec_foreach (item, &model->autos)
		if (nic_name_is_card(item->name))
			return true;
	return false;
}

/* "dhcp" and "inet" missing at the end of the line have no word to name. */
static const char *said(const struct view *v)
{
	const char *word = v->error->word;

	if (word[0])
		return machine_quote(v->machine, word, strlen(word));
	return v->error->fault == IFUPDOWN_NO_NAME ? "iface" : "what follows the interface's name";
}

static void report(struct view *v, struct findings *out)
{
	bool is_main = str_eq(v->error->path, IFUPDOWN_PATH);
	bool is_alone = !(net_has_networkd(v->machine) &&
			  (net_has_networkd_files(v->machine) || net_has_netplan(v->machine))) &&
			!net_has_nm(v->machine);
	enum severity severity = is_alone && (is_main ? has_card(v->model) : loses_a_card(v))
					 ? SEVERITY_BLOCKS_LOGIN
					 : SEVERITY_DELAYS;
	struct finding *finding;

	if (!v->edits.count)
		mend(v);
	finding = finding_add(out, severity, v->edits.count ? REPAIR_SURE : REPAIR_NONE, "112",
			      v->error->path, v->error->line, "%s %s; ifup %s", said(v),
			      what(v->error->fault),
			      is_main ? "refuses the whole file and brings up no interface"
				      : "reads nothing more of this file");
	edits_add_all(&finding->edits, &v->edits);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const struct ifupdown_stanza none;
	const struct ifupdown *model = ifupdown_model(machine);

	(void)err;
	if (!model)
		return 0;
	vec_foreach (error, &model->errors) {
		struct view v = {
			.machine = machine, .model = model, .error = error, .stanza = &none
		};
		const struct ifupdown_auto *orphan = orphan_of(model, error);

		if (orphan && error > model->errors.items && orphan_of(model, error - 1) == orphan)
			continue; /* the first one's iface line takes in all of them */
		if (error + 1 < model->errors.items + model->errors.count &&
		    error[1].line == error->line && error[1].path == error->path)
			continue; /* a mistyped iface line: its rest is wrong too, and says more */
		if (orphan)
			insert_iface(&v, orphan);
		if (error->stanza < model->stanzas.count)
			v.stanza = &model->stanzas.items[error->stanza];
		report(&v, out);
		edits_done(&v.edits);
	}
	return 0;
}

const struct check check_interfaces_syntax = {
	.name = "interfaces-syntax",
	.title = "/etc/network/interfaces has a line that ifup does not understand",
	.explain =
		"ifup reads all of /etc/network/interfaces or nothing: one mistyped method, one "
		"option without a value or outside of a stanza, and networking.service fails "
		"without having brought up a single interface. An error in a file that is sourced "
		"loses the rest of that file. The repair corrects a word that is one or two "
		"letters off, adds a method that the stanza's options leave no doubt about, and "
		"else puts a # before the line.",
	.source = "interfaces(5); ifup --no-act of ifupdown 0.8.41",
	.rows = "112",
	.repair = REPAIR_SURE,
	.examine = examine,
};
