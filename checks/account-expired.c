/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"

static const char path[] = "/etc/shadow";

struct scene {
	const struct machine *machine;
	const struct person *person;
	const struct account_line *line;
	const struct str *text;
	int64_t today;
	bool is_needed; /* nobody else is known to get in */
	struct findings *out;
};

static struct finding *add(const struct scene *scene, enum repair_class repair, const char *fmt)
{
	return finding_add(scene->out, scene->is_needed ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
			   repair, "99", path, scene->line->line, "%s", fmt);
}

/* The account itself has an end: somebody set it. */
static bool look_at_expiry(const struct scene *scene)
{
	int64_t expire = account_number(scene->line, SHADOW_EXPIRE);
	const char *name = machine_quote(scene->machine, scene->person->user->name,
					 strlen(scene->person->user->name));

	if (expire < 0 || scene->today < expire)
		return false;
	cleanup(free) char *text = mem_printf(
		"the account of %s expired on day %lld after 1970: sshd refuses it, keys or not",
		name, (long long)expire);
	struct finding *finding = add(scene, REPAIR_OFFERED, text);
	account_edit_field(scene->line, path, scene->text, SHADOW_EXPIRE, "", &finding->edits);
	return true;
}

/* The password is too old, or to be changed at once. Where there is none, that is a trap: the change
 * that is asked for cannot be made. */
static void look_at_age(const struct scene *scene)
{
	int64_t changed = account_number(scene->line, SHADOW_CHANGED);
	int64_t max = account_number(scene->line, SHADOW_MAX);
	bool is_trap = !scene->person->has_password, is_old;
	const char *name = machine_quote(scene->machine, scene->person->user->name,
					 strlen(scene->person->user->name));
	cleanup(free) char *text = NULL;
	struct finding *finding;

	is_old = changed > 0 && max >= 0 && changed <= scene->today && scene->today - changed > max;
	if (changed != 0 && !is_old)
		return;
	cleanup(free) char *why =
		changed ? mem_printf("is older than the %lld days it may be", (long long)max)
			: mem_strdup("is to be changed at the next login");
	text = mem_printf("the password of %s %s: each login asks for a new one, and %s", name, why,
			  is_trap ? "the account has none to prove itself with"
				  : "a login without a terminal fails");
	finding = add(scene, is_trap ? REPAIR_SURE : REPAIR_OFFERED, text);
	if (!is_trap)
		finding->severity = SEVERITY_DELAYS;
	/* One field each: what of both is set decides which. */
	if (changed == 0)
		account_edit_field(scene->line, path, scene->text, SHADOW_CHANGED,
				   max >= 0 && max < 99999 ? "" : "1", &finding->edits);
	else
		account_edit_field(scene->line, path, scene->text, SHADOW_MAX, "99999",
				   &finding->edits);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(account_lines_done) struct account_lines lines = { 0 };
	const struct people *people = NULL;
	struct err read_err = ERR_INIT;
	struct scene scene = { .machine = machine, .out = out };
	unsigned others = 0;

	if (accounts_people(machine, NULL, &people, err) < 0)
		return -1;
	scene.text = machine_file(machine, path, &read_err);
	if (!scene.text)
		return 0;
	account_lines_read(ACCOUNT_SHADOW, scene.text, &lines);
	scene.today = accounts_newest_day(machine);
	vec_foreach (person, &people->persons) {
		scene.person = person;
		scene.line = account_find(&lines, person->user->name);
		if (!scene.line || !scene.line->is_account || !account_has_way_in(person) ||
		    (!person->user->uid && person != people->primary))
			continue;
		scene.is_needed = person == people->primary;
		others++;
		if (!look_at_expiry(&scene))
			look_at_age(&scene);
		if (others > 1000)
			break;
	}
	return 0;
}

const struct check check_account_expired = {
	.name = "account-expired",
	.title = "an account, or its password, has expired",
	.explain =
		"PAM (and sshd without it) asks shadow before it lets anybody in, also those who "
		"have shown a key. An account past its day is refused: whether that was meant "
		"is not for a tool to say, so taking the day away is offered. A password that "
		"is too old has to be changed at the login; an account of a cloud image has "
		"none, so that nobody can. There the limit is lifted. Judged by the newest time "
		"stamp on the volume.",
	.source =
		"shadow(5); pam_unix(8), account; chage(1); sshd's \"Password change required but "
		"no TTY available\"",
	.rows = "99",
	.repair = REPAIR_SURE,
	.examine = examine,
};
