/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cards of whose MTU something can be said. */
#include "checks/mtu_places.h"
#include "checks/nic_names.h"

static bool has(const struct tree_names *names, const char *name)
{
	vec_foreach (known, names)
		if (str_eq(*known, name))
			return true;
	return false;
}

static void add_names(const struct machine *machine, const char *interface, struct tree_names *ret)
{
	for (const char *at = interface; *at; at += strspn(at, "| \t")) {
		size_t len = strcspn(at, "| \t");
		cleanup(free) char *word = mem_strndup(at, len);

		at += len;
		if (!strpbrk(word, "*?[") && nic_name_is_card(word) && len < MTU_CARD_MAX &&
		    ret->count < MTU_CARDS_MAX && !nic_name_is_impossible(machine, word) &&
		    !has(ret, word))
			vec_push(ret, mem_strdup(word));
	}
}

void mtu_cards(const struct machine *machine, struct tree_names *ret)
{
	const struct mtu_places *places = mtu_places(machine);
	const char *only = nic_name_of_only(machine);

	if (only) {
		vec_push(ret, mem_strdup(only));
		return;
	}
	vec_foreach (p, places)
		add_names(machine, p->interface, ret);
}

struct mtu_end mtu_end_of_unnamed(const struct machine *machine)
{
	static const char *const names[] = { "eth0", "ens5", "ens3", "enX0", "enp0s5" };
	struct mtu_end end = { .kind = MTU_END_UNKNOWN };
	bool is_first = true;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct mtu_end next;

		if (nic_name_is_impossible(machine, names[i]))
			continue;
		next = mtu_end(machine, names[i]);
		if (!is_first && (end.kind != next.kind || end.value != next.value))
			return (struct mtu_end){ .kind = MTU_END_UNKNOWN };
		end = next;
		is_first = false;
	}
	return end;
}
