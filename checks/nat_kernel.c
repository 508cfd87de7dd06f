/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A NAT instance's kernel parameters: it forwards, and neither takes nor sends redirects, which would lead
 * hosts of the VPC past it. */
#include "checks/nat_setup.h"
#include "checks/sysctl.h"
#include "fs/lines.h"

#include <stdio.h>

struct setting {
	char key[64];
	int64_t value;
	const struct sysctl_item *now; /* NULL: nothing sets it */
};
VEC_TYPE(settings, struct setting);

static void add(const struct machine *machine, struct settings *settings, const char *key,
		const char *alias, int64_t value)
{
	const char *const keys[] = { key, alias, NULL };
	const struct sysctl_item *now =
		alias ? sysctl_last(machine, keys) : sysctl_find(machine, key);
	struct setting *setting;
	int64_t number;

	if (sysctl_number(now, &number) && number == value)
		return;
	setting = vec_add(settings);
	snprintf(setting->key, sizeof(setting->key), "%s", key);
	setting->value = value;
	setting->now = now;
}

/* Those that are not as they have to be. Forwarding comes first: it sets others back to their defaults. */
static void find_wrong(const struct nat_plan *plan, struct settings *ret)
{
	static const char *const words[] = { "accept_redirects", "send_redirects" };

	add(plan->machine, ret, "net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", 1);
	for (size_t i = 0; i < plan->names.count + 1; i++)
		for (size_t w = 0; w < ARRAY_LEN(words); w++) {
			char key[64];

			snprintf(key, sizeof(key), "net.ipv4.conf.%s.%s",
				 i ? plan->names.items[i - 1] : "all", words[w]);
			add(plan->machine, ret, key, NULL, 0);
		}
}

/* The number behind "=" becomes the right one; the rest of the line stays as it is. */
static bool correct(const struct machine *machine, const struct setting *setting,
		    struct edits *edits)
{
	cleanup(str_done) struct str line = STR_INIT;
	struct err ignored = ERR_INIT;
	const struct str *text;
	const char *at;
	size_t value;

	/* What a package brought is not ours to change, and a pattern says something of others. */
	if (!setting->now || setting->now->is_glob || !str_starts(setting->now->path, "/etc/"))
		return false;
	text = machine_file(machine, setting->now->path, &ignored);
	if (!text)
		return false;
	lines_copy(text->s, text->len, setting->now->line, 1, &line);
	at = strchr(line.s, '=');
	if (!at)
		return false;
	value = (size_t)(at - line.s) + 1;
	value += strspn(line.s + value, " \t");
	nat_text_replace(&line, value, strcspn(line.s + value, " \t\r\n"),
			 setting->value ? "1" : "0");
	lines_edit_replace(edits, setting->now->path, text, setting->now->line, 1, line.s);
	return true;
}

/* Behind every file whose word it has to overrule: they are read by name, and /etc/sysctl.conf by the name
 * of the link that leads to it. */
static const char *choose_name(const struct settings *rest)
{
	static const char *const names[] = { "90-nat.conf", "99-zz-nat.conf", "zz-nat.conf" };
	size_t n = 0;

	vec_foreach (setting, rest) {
		const char *name = setting->now ? strrchr(setting->now->path, '/') + 1 : "";

		if (str_eq(name, "sysctl.conf"))
			name = "99-sysctl.conf";
		while (n + 1 < ARRAY_LEN(names) && strcmp(names[n], name) <= 0)
			n++;
	}
	return names[n];
}

static void write_rest(const struct machine *machine, const struct settings *rest, const char *path,
		       struct edits *edits)
{
	static const struct tree_new made = { .mode = 0644 };
	cleanup(str_done) struct str lines = STR_INIT;
	struct err ignored = ERR_INIT;
	const struct str *old = machine_file(machine, path, &ignored);

	vec_foreach (setting, rest)
		str_addf(&lines, "%s = %d\n", setting->key, (int)setting->value);
	if (old)
		lines_edit_insert(edits, path, old, lines_count(old->s, old->len) + 1, lines.s);
	else
		edit_create(edits, path, &made, lines.s, lines.len);
}

void nat_set_kernel(const struct nat_plan *plan, struct findings *out)
{
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(free) char *path = NULL;
	cleanup(str_done) struct str ranges = STR_INIT, keys = STR_INIT;
	struct settings wrong = { 0 }, rest = { 0 };
	const struct setting *first = NULL;
	struct finding *finding;

	find_wrong(plan, &wrong);
	nat_ranges_text(plan, &ranges);
	vec_foreach (setting, &wrong) {
		str_addf(&keys, "%s%s=%d", keys.len ? ", " : "", setting->key, (int)setting->value);
		if (!correct(plan->machine, setting, &edits))
			vec_push(&rest, *setting);
		else if (!first)
			first = setting;
	}
	if (rest.count) {
		path = mem_printf("/etc/sysctl.d/%s", choose_name(&rest));
		write_rest(plan->machine, &rest, path, &edits);
	}
	if (wrong.count) {
		finding =
			finding_add(out, SEVERITY_DELAYS, REPAIR_SURE, "127,132",
				    first ? first->now->path : path, first ? first->now->line : 0,
				    "to forward for %s, as you ask, the kernel is not set up yet: "
				    "%s",
				    ranges.s, keys.s);
		edits_add_all(&finding->edits, &edits);
	}
	vec_done(&wrong);
	vec_done(&rest);
}
