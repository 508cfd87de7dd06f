/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <strings.h>

/* The gates between a key and its acceptance that are settings: what to say, and the repair. */

struct subject {
	const struct machine *machine;
	const struct sshd_conf *conf;
	const struct people *people;
	struct findings *out;
};

static const char *quote(const struct subject *s, const char *text)
{
	return machine_quote(s->machine, text, strlen(text));
}

static struct finding *begin(const struct subject *s, enum repair_class repair,
			     const struct sshd_directive *d, const char *message)
{
	return finding_add(s->out, SEVERITY_BLOCKS_LOGIN, repair,
			   sshd_rows(s->conf, d, "84", "80,84"), d ? d->path : s->conf->path,
			   d ? d->line : 0, "%s", message);
}

static void comment(const struct subject *s, const struct sshd_directive *d, const char *message)
{
	struct finding *f = begin(s, people_repair(s->people), d, message);

	sshd_edit_comment_all(&f->edits, s->conf, s->machine, s->people->primary, d);
	sshd_finding_end(f);
}

static void check_pubkey(const struct subject *s)
{
	const struct person *person = people_stopped(s->people, GATE_PUBKEY);
	const struct sshd_directive *d = person ? person->blame[GATE_PUBKEY] : NULL;

	if (!d)
		return;
	cleanup(free) char *message =
		mem_printf("%s no: sshd takes no keys, and %s has no password that it would take",
			   d->name, quote(s, person->user->name));
	comment(s, d, message);
}

static void check_methods(const struct subject *s)
{
	const struct person *person = people_stopped(s->people, GATE_METHODS);
	const struct sshd_directive *d = person ? person->blame[GATE_METHODS] : NULL;

	if (!d)
		return;
	cleanup(free) char *message =
		mem_printf("AuthenticationMethods %s asks for more than a key, and %s has nothing "
			   "else to show",
			   quote(s, sshd_directive_arg(d)), quote(s, person->user->name));
	comment(s, d, message);
}

static void check_revoked(const struct subject *s)
{
	const struct person *person = people_stopped(s->people, GATE_REVOKED);
	const struct sshd_directive *d = person ? person->blame[GATE_REVOKED] : NULL;

	if (!d)
		return;
	bool is_there = tree_exists(machine_tree(s->machine), sshd_directive_arg(d));
	cleanup(free) char *message =
		mem_printf("RevokedKeys %s %s", quote(s, sshd_directive_arg(d)),
			   is_there ? "names every key that could open the door"
				    : "is not there: sshd then takes no key at all");
	/* Somebody may have meant to revoke exactly these keys. */
	struct finding *f =
		begin(s, is_there ? REPAIR_OFFERED : people_repair(s->people), d, message);
	sshd_edit_comment_all(&f->edits, s->conf, s->machine, person, d);
	sshd_finding_end(f);
}

static void check_key_types(const struct subject *s)
{
	const struct person *person = people_stopped(s->people, GATE_KEYTYPE);
	const struct sshd_directive *d = person ? person->blame[GATE_KEYTYPE] : NULL;

	if (!person)
		return;
	const struct key_lines *keys = person->keys.count ? &person->keys : &person->home_keys;
	bool default_would_do = false;
	vec_foreach (key, keys)
		default_would_do |= sshd_keyalgs_accept(NULL, key->type, s->conf->program.version);
	if (d && sshd_directive_is(d, "requiredrsasize")) {
		cleanup(free) char *message =
			mem_printf("RequiredRSASize %s is more than the keys of %s have",
				   quote(s, sshd_directive_arg(d)), quote(s, person->user->name));
		comment(s, d, message);
		return;
	}
	if (d) {
		cleanup(free) char *message =
			mem_printf("%s leaves out every kind of key that %s holds (%s)", d->name,
				   quote(s, person->user->name), keys->items[0].type);
		struct finding *f = begin(s, people_repair(s->people), d, message);
		if (default_would_do)
			sshd_edit_comment_all(&f->edits, s->conf, s->machine, person, d);
		sshd_finding_end(f);
		return;
	}
	cleanup(free) char *message = mem_printf("the volume's sshd refuses the only kind of key "
						 "that %s holds (%s); add another key",
						 quote(s, person->user->name), keys->items[0].type);
	begin(s, REPAIR_NONE, NULL, message);
}

/* UsePAM is off (its default) and the account's password is locked. */
static void check_locked(const struct subject *s)
{
	const struct person *person = people_stopped(s->people, GATE_LOCKED);
	const struct sshd_directive *d = person ? person->blame[GATE_LOCKED] : NULL;
	const struct sshd_directive *first = NULL;
	struct err err = ERR_INIT;

	if (!person || !s->conf->directives.count || sshd_conf_is_garbage(s->conf))
		return; /* the file is restored as a whole */
	cleanup(free) char *message =
		mem_printf("UsePAM is %s: without PAM sshd refuses an account whose password is "
			   "locked, as %s's is",
			   d ? "off" : "not set", quote(s, person->user->name));
	struct finding *f = begin(s, people_repair(s->people), d, message);
	if (d && sshd_directive_is_ours(d) && !d->is_option && !d->scope) {
		cleanup(free) char *changed = mem_printf("UsePAM yes\n");
		edit_lines(&f->edits, d->path, d->line, 1, d->text, changed);
	} else if (!d && str_starts(s->conf->path, "/etc/") &&
		   machine_file(s->machine, s->conf->path, &err)) {
		/* Before the first line of the main file: nothing can be in a Match block there. */
		vec_foreach (one, &s->conf->directives)
			if (!first && !one->is_option && str_eq(one->path, s->conf->path))
				first = one;
		edit_lines(&f->edits, s->conf->path, first ? first->line : 1, 0, "",
			   "UsePAM yes\n");
	}
	sshd_finding_end(f);
}

static void check_root(const struct subject *s)
{
	const struct person *person = people_stopped(s->people, GATE_ROOT);
	const struct sshd_directive *d = person ? person->blame[GATE_ROOT] : NULL;
	size_t others = 0;

	if (!d)
		return;
	vec_foreach (other, &s->people->persons)
		others += other->user->uid != 0;
	cleanup(free) char *message = mem_printf(
		"PermitRootLogin %s, and nobody but root holds a key", sshd_directive_arg(d));
	struct finding *f =
		begin(s, others ? REPAIR_OFFERED : people_repair(s->people), d, message);
	sshd_edit_comment_all(&f->edits, s->conf, s->machine, person, d);
	sshd_finding_end(f);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;
	const struct people *people = NULL;

	if (sshd_model(machine, &conf, &people, err) < 0)
		return -1;
	if (!conf)
		return 0;
	const struct subject subject = { machine, conf, people, out };
	check_root(&subject);
	check_locked(&subject);
	check_pubkey(&subject);
	check_methods(&subject);
	check_revoked(&subject);
	check_key_types(&subject);
	return 0;
}

const struct check check_sshd_pubkey = {
	.name = "sshd-pubkey",
	.title = "sshd's settings refuse every key that there is",
	.explain = "A hardened sshd_config can go one step too far: PubkeyAuthentication no, an "
		   "AuthenticationMethods that asks for a password nobody has, a list of key "
		   "algorithms "
		   "(or a crypto policy, or RequiredRSASize) without the kind of key that the "
		   "users hold, UsePAM no "
		   "with cloud "
		   "users whose passwords are locked. Each setting is evaluated for the volume's "
		   "users with "
		   "their keys, Match blocks and drop-ins included. The repair makes the deciding "
		   "line a "
		   "comment, which restores sshd's default, or switches PAM on again.",
	.source = "sshd_config(5) PubkeyAuthentication, AuthenticationMethods, "
		  "PubkeyAcceptedAlgorithms, RevokedKeys, "
		  "UsePAM, PermitRootLogin; crypto-policies(7); OpenSSH release notes 7.0, 8.8",
	.rows = "80,84",
	.repair = REPAIR_SURE,
	.examine = examine,
};
