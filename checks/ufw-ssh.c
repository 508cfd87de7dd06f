/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ufw.h"
#include "checks/units.h"
#include "fs/lines.h"

#define STEPS_MAX 8u

/* A text of one file with lines put in or commented out, and what that is as edits of the file as it
 * is: each step is judged before the next. */
struct repair {
	struct ufw *ufw;
	const struct ipt_host *host;
	uint16_t port;
	unsigned steps;
};

static bool is_blocked(const struct ipt_reach *reach)
{
	return reach->outside == IPT_BLOCKED && reach->inside == IPT_BLOCKED &&
	       reach->other == IPT_BLOCKED;
}

static void judge(const struct ufw *ufw, const struct ipt_host *host, struct ufw_rules *rules,
		  struct ipt_reach *ret, uint16_t *ret_port)
{
	ufw_assemble(ufw, rules);
	ipt_reach_sshd(&rules->rules, host, ret, ret_port);
}

static struct ufw_line origin(const struct ufw_rules *rules, uint32_t line)
{
	if (!line || line > rules->lines.count)
		return (struct ufw_line){ UFW_FILES, 0 };
	return rules->lines.items[line - 1];
}

static void replace(struct repair *r, enum ufw_kind kind, uint32_t line, uint32_t count,
		    const char *new)
{
	const struct str *old = &r->ufw->files[kind].text;
	cleanup(str_done) struct str text = STR_INIT;

	lines_copy(old->s, old->len, 1, line - 1, &text);
	if (text.len && text.s[text.len - 1] != '\n')
		str_add_char(&text, '\n');
	str_add(&text, new);
	lines_copy(old->s, old->len, line + count, lines_count(old->s, old->len), &text);
	ufw_set_text(r->ufw, kind, &text);
}

static bool is_line(const struct str *text, uint32_t line, const char *start)
{
	return str_starts(text->s + lines_offset(text, line), start);
}

/* The end of ufw's own list of rules: before "### END RULES ###", else before what ufw writes behind
 * it, else before the filter table's COMMIT. */
static uint32_t end_of_list(const struct ufw_file *file)
{
	uint32_t lines = lines_count(file->text.s, file->text.len), commit = 0;

	for (uint32_t i = 1; i <= lines; i++) {
		if (is_line(&file->text, i, "### END RULES ###"))
			return i;
		if (is_line(&file->text, i, "COMMIT") && !commit)
			commit = i;
	}
	return commit;
}

/* One rule of ufw's is a comment and one or more lines of iptables behind it. */
static uint32_t start_of_rule(const struct ufw_file *file, uint32_t line)
{
	uint32_t at = line;

	while (at > 1 && is_line(&file->text, at - 1, "-A "))
		at--;
	return at > 1 && is_line(&file->text, at - 1, "### tuple ###") ? at - 1 : line;
}

/* ufw's own rule: the comment is what ufw reads back, the rule is what is loaded. */
static char *ufw_rule(const struct repair *r, bool is_answer)
{
	const char *any = r->ufw->is_v6 ? "::/0" : "0.0.0.0/0", *six = r->ufw->is_v6 ? "6" : "";

	if (is_answer)
		return mem_printf("### tuple ### allow tcp any %s %u %s out\n"
				  "-A ufw%s-user-output -p tcp --sport %u -j ACCEPT\n\n",
				  any, r->port, any, six, r->port);
	return mem_printf("### tuple ### allow tcp %u %s any %s in\n"
			  "-A ufw%s-user-input -p tcp --dport %u -j ACCEPT\n\n",
			  r->port, any, any, six, r->port);
}

static char *new_user_file(const struct repair *r)
{
	const char *six = r->ufw->is_v6 ? "6" : "";
	cleanup(free) char *rule = ufw_rule(r, false);

	return mem_printf("*filter\n:ufw%s-user-input - [0:0]\n:ufw%s-user-output - [0:0]\n"
			  ":ufw%s-user-forward - [0:0]\n:ufw%s-user-limit - [0:0]\n"
			  ":ufw%s-user-limit-accept - [0:0]\n### RULES ###\n\n%s### END RULES ###\n"
			  "-A ufw%s-user-limit -m limit --limit 3/minute -j LOG --log-prefix "
			  "\"[UFW LIMIT BLOCK] \"\n-A ufw%s-user-limit -j REJECT\n"
			  "-A ufw%s-user-limit-accept -j ACCEPT\nCOMMIT\n",
			  six, six, six, six, six, rule, six, six, six);
}

/* A # before each line that iptables-restore refuses. */
static void mend(struct repair *r, enum ufw_kind kind)
{
	const struct ufw_file *file = &r->ufw->files[kind];
	uint32_t line = file->alone.problems.items[0].line;
	cleanup(str_done) struct str new = STR_INIT;

	str_add(&new, LINES_MARK);
	lines_copy(file->text.s, file->text.len, line, 1, &new);
	replace(r, kind, line, 1, new.s);
}

/* One step against what stops the connection now. False: nothing to do, or no way. */
static bool step(struct repair *r, struct ipt_reach *ret)
{
	cleanup(ufw_rules_done) struct ufw_rules rules = { 0 };
	struct ufw_file *user = &r->ufw->files[UFW_USER];
	const struct ipt_stop *stop = &ret->stop;
	cleanup(free) char *new = NULL;
	struct ufw_line at;
	uint32_t end;
	uint16_t port;

	judge(r->ufw, r->host, &rules, ret, &port);
	if (!is_blocked(ret) || !stop->packet || stop->is_away || r->steps++ == STEPS_MAX)
		return false;
	at = origin(&rules, stop->inner ? stop->inner->line : 0);
	if (at.file == UFW_BEFORE || at.file == UFW_AFTER) {
		cleanup(str_done) struct str line = STR_INIT;
		const struct str *text = &r->ufw->files[at.file].text;
		const char *chain;

		lines_copy(text->s, text->len, at.line, 1, &line);
		chain = strstr(line.s, "-A ");
		if (!chain)
			return false;
		new = mem_printf("%.*s -p tcp --%cport %u -j ACCEPT\n",
				 (int)strcspn(chain + 3, " \t\n") + 3, chain,
				 stop->packet == 2 ? 's' : 'd', r->port);
		replace(r, at.file, at.line, 0, new);
		return true;
	}
	if (!user->is_there) {
		new = new_user_file(r);
		replace(r, UFW_USER, 1, 0, new);
		return true;
	}
	if (user->alone.problems.count) {
		mend(r, UFW_USER);
		return true;
	}
	end = at.file == UFW_USER ? at.line : end_of_list(user);
	if (!end)
		return false;
	if (at.file == UFW_USER)
		end = start_of_rule(user, end);
	new = ufw_rule(r, stop->packet == 2);
	replace(r, UFW_USER, end, 0, new);
	return true;
}

/* What the steps made of each file, line by line against the file as it is: they only put lines in
 * and put a mark before others. */
static void add_edits(const struct ufw *now, const struct ufw *then, struct edits *edits)
{
	static const struct tree_new mode = { .mode = 0640 };

	for (size_t kind = 0; kind < UFW_FILES; kind++) {
		const struct str *old = &now->files[kind].text, *new = &then->files[kind].text;
		uint32_t at = 1, lines = lines_count(old->s, old->len);
		cleanup(str_done) struct str added = STR_INIT;

		if (!tree_exists(machine_tree(now->machine), now->files[kind].path)) {
			if (new->len)
				edit_create(edits, now->files[kind].path, &mode, new->s, new->len);
			continue;
		}
		for (uint32_t i = 1; i <= lines_count(new->s, new->len); i++) {
			cleanup(str_done) struct str line = STR_INIT, was = STR_INIT;

			lines_copy(new->s, new->len, i, 1, &line);
			lines_copy(old->s, old->len, at, 1, &was);
			if (at <= lines && str_eq(line.s, was.s)) {
				if (added.len)
					lines_edit_insert(edits, now->files[kind].path, old, at,
							  added.s);
				str_clear(&added);
				at++;
			} else if (at <= lines && str_starts(line.s, LINES_MARK) &&
				   str_eq(line.s + strlen(LINES_MARK), was.s)) {
				lines_edit_comment(edits, now->files[kind].path, old, at, 1);
				at++;
			} else
				str_add_bytes(&added, line.s, line.len);
		}
		if (added.len)
			lines_edit_insert(edits, now->files[kind].path, old, lines + 1, added.s);
	}
}

/* Why nobody gets in, and where that stands. */
static void describe(const struct ufw *ufw, const struct ufw_rules *rules,
		     const struct ipt_stop *stop, struct ufw_line *ret, struct str *into)
{
	const struct ufw_file *user = &ufw->files[UFW_USER], *file;
	struct ufw_line at = origin(rules, stop->inner ? stop->inner->line : 0);

	*ret = (struct ufw_line){ UFW_USER, 0 };
	if (at.file < UFW_FILES) {
		cleanup(str_done) struct str text = STR_INIT;

		file = &ufw->files[at.file];
		lines_copy(file->text.s, file->text.len, at.line, 1, &text);
		str_addf(into, "%sline %u, %s",
			 stop->packet == 2 ? "its answers are dropped by " : "", at.line,
			 machine_quote(ufw->machine, text.s, strcspn(text.s, "\r\n")));
		*ret = at;
	} else if (!user->is_there)
		str_addf(into, "ufw has no rules of the user there, and its default is %s",
			 ufw->input);
	else if (user->alone.problems.count) {
		ret->line = user->alone.problems.items[0].line;
		str_addf(into,
			 "iptables-restore refuses line %u (%s), so that no rule of the file is "
			 "loaded, and ufw's default is %s",
			 ret->line, user->alone.problems.items[0].text, ufw->input);
	} else if (stop->packet == 2)
		str_addf(into, "no rule lets its answers out, and ufw's default is %s",
			 ufw->output);
	else
		str_addf(into, "no rule allows it, and ufw's default is %s", ufw->input);
}

/* Another service that loads rules at boot may take ufw's away. */
static bool is_contested(const struct machine *machine)
{
	static const char *const units[] = { "firewalld.service", "nftables.service",
					     "iptables.service", "netfilter-persistent.service" };

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (machine_unit(machine, units[i]) == UNIT_ENABLED)
			return true;
	return false;
}

static int report(const struct ufw *ufw, const struct ufw_rules *rules, const struct ipt_host *host,
		  const struct ipt_reach *reach, uint16_t port, struct findings *out,
		  struct err *err)
{
	cleanup(ufw_done) struct ufw mended = { 0 };
	cleanup(str_done) struct str why = STR_INIT;
	struct repair r = { .ufw = &mended, .host = host, .port = port };
	struct ipt_reach after;
	struct ufw_line at;
	struct finding *finding;

	if (ufw_read(ufw->machine, ufw->is_v6, &mended, err) < 0)
		return -1;
	describe(ufw, rules, &reach->stop, &at, &why);
	while (step(&r, &after))
		;
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN,
		is_contested(ufw->machine) ? REPAIR_OFFERED : REPAIR_SURE, "126",
		ufw->files[at.file].path, at.line,
		"ufw is started at boot and no address at all can reach sshd on port %u: "
		"%s",
		port, why.s);
	if (!is_blocked(&after))
		add_edits(ufw, &mended, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	cleanup(ufw_done) struct ufw ufw = { 0 };
	cleanup(ufw_rules_done) struct ufw_rules rules = { 0 };
	struct ipt_reach reach;
	uint16_t port;

	if (machine_unit(machine, "ufw.service") != UNIT_ENABLED)
		return 0;
	if (ipt_host_facts(machine, &facts, err) < 0)
		return -1;
	if (ufw_read(machine, facts.is_v6_only, &ufw, err) < 0)
		return -1;
	if (!ufw.is_started || !facts.host.port_count)
		return 0;
	judge(&ufw, &facts.host, &rules, &reach, &port);
	if (rules.rules.is_odd)
		return err_set(err, ERR_COULD_NOT_TELL,
			       "ufw's files hold commands that this program does not follow");
	if (is_blocked(&reach) && reach.stop.packet)
		return report(&ufw, &rules, &facts.host, &reach, port, out, err);
	return 0;
}

const struct check check_ufw_ssh = {
	.name = "ufw-ssh",
	.title = "ufw is switched on and lets nobody reach sshd",
	.explain =
		"ufw loads before.rules, after.rules and user.rules at boot and drops what none of "
		"them allows. They are put together the way ufw does it and followed for a "
		"connection to sshd's ports; a file that iptables-restore refuses is not loaded, "
		"and the default policy remains. A fault is claimed only when no address at all "
		"gets in. The repair adds to user.rules what `ufw allow PORT/tcp` would write "
		"(before a rule that denies the port), puts a mark before a refused line there, "
		"or one ACCEPT before the rule of before.rules that drops it.",
	.source = "ufw(8); ufw-framework(8); ufw 0.36, ufw-init-functions",
	.rows = "126",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
